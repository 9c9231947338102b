/* bench_series: a few figures of the same thing. */
#include "bench.h"
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    const double one = *(const double *)a, other = *(const double *)b;
    return one < other ? -1 : one > other;
}

void bench_sort(double *values, size_t count) { qsort(values, count, sizeof(*values), by_value); }

void series_add(struct series *series, double value) { series->values[series->count++] = value; }

double series_median(const struct series *series)
{
    double sorted[BENCH_ROUNDS_MOST];
    memcpy(sorted, series->values, sizeof(sorted));
    bench_sort(sorted, series->count);
    const uint32_t half = series->count / 2;
    return series->count % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

double series_spread(const struct series *series)
{
    double least = series->values[0], most = least;
    for (uint32_t i = 1; i < series->count; i++) {
        least = series->values[i] < least ? series->values[i] : least;
        most = series->values[i] > most ? series->values[i] : most;
    }
    return (most - least) / series_median(series);
}
