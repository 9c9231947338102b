#include "base/digits.h"

const char digits_pairs[200] = {"000102030405060708091011121314151617181920212223242526272829303132"
                                "33343536373839404142434445464748"
                                "495051525354555657585960616263646566676869707172737475767778798081"
                                "82838485868788899091929394959697"
                                "9899"};

unsigned digits_count_large(uint64_t value)
{
    unsigned count = 3;
    for (value /= 1000; value >= 10000; value /= 10000)
        count += 4;
    for (; value > 0; value /= 10)
        count++;
    return count;
}
