/* token.pml: the token protocol of troupe for spin. docs/model.md says what is modelled and how to read
 * a trail; docs/protocol.md is what it models.
 *
 * One partition, one run, two workers, two supervisors. A script call is one step (Redis runs a script
 * alone), and so is a transaction of Postgres; between any two steps of a process all others may go on,
 * so a pause is nothing special: a zombie is a process that another overtook.
 *
 * Faults are bounded by budgets, F_*; each is spent at any point, or never.
 *
 * tests/model/run compiles this once per configuration:
 *
 *   FORK    a -> b, c -> d: d joins all; edges may be dead
 *   LOOP    h, c -> j: h goes back once at most, j joins h's exit and c
 *   CHAIN   a -> b
 *   ONE     a
 *
 *   RETRY   a failure may be followed by a further attempt: the token is parked, and fires
 *   WAITS   a node may wait first, as `delay` does: parked, and fires with the same attempt
 *   FAILS   a node may fail, and the run with it
 *   KEEP    who settles may ask to keep the successor: the entry then stands for that one
 *   CANCEL  somebody cancels the run
 *   TWICE   the request stands in the inbox twice (the same dedup_key)
 *   EXPIRES that the run has ended is remembered for a while only: the second request may start it anew,
 *           and the record refuses that second life
 *
 * and once per mistake, MUT_*: each breaks the invariant that the driver names.
 */

/* --- budgets --- */

#ifndef F_CRASH
#define F_CRASH 1 /* workers' processes end; they come back, or never if the other one is there */
#endif
#ifndef F_LOST
#define F_LOST 1 /* replies to workers lost, or requests executed later than their sender waits */
#endif
#ifndef F_LAPSE
#define F_LAPSE 1 /* leases that lapse while their holder lives */
#endif
#ifndef F_DOWN
#define F_DOWN 1 /* supervisors' processes end, and come back */
#endif
/* ONLY_ENDS: how a run ends is looked at, not the way there. For mistakes that a search would otherwise
 * report before they do harm. */
#ifndef F_TAKE
#define F_TAKE 1 /* a supervisor takes the partition from one that is alive */
#endif

/* --- the graph --- */

#define A 1
#define B 2
#define C 3
#define J 4 /* the join of FORK and LOOP */
#define H 5 /* the loop of LOOP, first iteration */
#define H2 6

#ifdef FORK
#define TOKENS 4
#endif
#ifdef LOOP
#define TOKENS 4
#endif
#ifdef CHAIN
#define TOKENS 2
#endif
#ifdef ONE
#define TOKENS 1
#endif
#if defined(FORK) || defined(LOOP)
#define JOINS
#endif
/* How often in a row an entry goes on with a successor. */
#ifndef HANDOVERS
#define HANDOVERS 1
#endif
#define NUMBERS 6 /* array size: more tokens than there may be is an error of its own */
#define ENTRIES 16

/* What an execution comes to. */
#define SUCCESS 1 /* all edges taken; a loop goes back */
#define OTHER 2   /* A: only to B; others: edges dead; a loop ends */
#define FAILURE 3
#define AGAIN 4 /* a further attempt, later */
#define WAIT 5  /* the same attempt, later */

/* --- Redis --- */

/* run hash: status (NONE: no hash), counter, open, last, events, live fields, the join */
#define NONE 0
#define RUNNING 1
#define COMPLETED 2
#define FAILED 3
#define CANCELLED 4
byte status, counter, open, last, events;

#define QUEUED 1
#define PARKED 2   /* until its further attempt */
#define SLEEPING 3 /* until it goes on */
#define FIRED 4
byte live[NUMBERS]; /* 0: absent */
byte node[NUMBERS], attempt[NUMBERS], generation[NUMBERS];
bit ended; /* the run stands in `ended` */

#ifdef JOINS
#define TAKEN 1
#define DEAD 2
byte mark[2]; /* edges of the join: 0 undecided */
bit join_there;
byte decided;
#endif

/* queue: per token its entry; a new one gets a new serial */
#define ABSENT 0
#define READY 1
#define PENDING 2 /* + worker */
byte entry[NUMBERS], serial[NUMBERS];
#ifdef KEEP
/* `e<entry id>` of the run hash: the token that the entry stands for, 0: the one it was made for; how
 * often it was handed on. */
byte stands[NUMBERS], times[NUMBERS];
#define token_of(e) (stands[e] -> stands[e] : e)
#else
#define token_of(e) (e)
#endif
#define leads(e, n) (entry[e] != ABSENT && token_of(e) == n)
#ifdef KEEP
#define has_entry(n) (leads(1, n) || leads(2, n) || leads(3, n) || leads(4, n) || leads(5, n))
#else
#define has_entry(n) leads(n, n)
#endif

/* consumers: which session Redis has of a worker */
#define UNKNOWN 0 /* not in `workers` */
#define CURRENT 1 /* the one that the process has */
#define ANOTHER 2 /* one that the process was not told, or an earlier process' */
byte session[2];
bit lapsed[2];

byte inbox[2]; /* as entry */

/* ledger: entries 1..length; first: the oldest that is still there */
#define START 1
#define EXECUTION 2
#define COMMAND 3
#define DUPLICATE 4
byte kind[ENTRIES], about[ENTRIES], became[ENTRIES], event[ENTRIES];
short delta[ENTRIES]; /* of a start: its counter */
byte length, first;

/* a worker's request that is executed later than its sender waits: a settle with a claim */
bit late[2]; /* 1: there is one */
byte late_token[2], late_attempt[2], late_generation[2], late_serial[2], late_outcome[2];
bit late_state[2];
bit late_claims[2];
#ifdef KEEP
byte late_entry[2];
bit late_keep[2];
#else
#define late_entry late_token
#define late_keep late_claims
#endif

/* --- Postgres --- */

byte pg_fence, pg_cursor, pg_status, pg_events, pg_start;
short pg_sum;
bit pg_recorded[NUMBERS]; /* an execution ended this token */
bit command;              /* a cancel is asked for */

/* --- what is spent --- */

byte spent_crash, spent_lost, spent_lapse, spent_down, spent_take;
bit dead[2]; /* a worker that never comes back */

/* --- invariants --- */

/* pan names what an assertion says: a variable per invariant. */
#define CHECK(name, holds) name = (holds); assert(name)
hidden byte inv_counter_is_live_tokens;
hidden byte inv_token_settled_once;
hidden byte inv_live_token_has_entry;
hidden byte inv_one_final_status;
hidden byte inv_deltas_sum_to_zero;
hidden byte inv_join_fires_once;
hidden byte inv_edge_decided_once;
hidden byte inv_nothing_open_at_zero;
hidden byte inv_failure_only_by_holder;
hidden byte inv_handed_on_by_holder;
hidden byte inv_record_once_and_gap_free;
hidden byte inv_acked_after_commit;
hidden byte inv_run_starts_once;
hidden byte inv_forgotten_after_commit;
hidden byte inv_accepted_run_ends;
hidden byte inv_nothing_left_behind;

/* Ghosts: what has happened, for the invariants only. */
byte starts, fires;
#if defined(RETRY) || defined(WAITS)
byte serials;
#endif
bit settled[NUMBERS];

hidden byte i_, n_, sum_, got, got_entry;
hidden byte first_, generation_;
hidden byte leaves_; /* the entry of what is settled */
hidden byte result; /* of settle, start, cancel */
#define OK 1
#define GONE 2
#define STALE 3
#define HELD 4
#define REFUSED 5

#define is_final(s) ((s) > RUNNING)

/* At every script boundary. */
inline boundary()
{
    sum_ = 0;
    i_ = 1;
    do
    :: i_ < NUMBERS ->
        if
        :: status == RUNNING && live[i_] -> sum_++
        :: else
        fi;
#ifndef ONLY_ENDS
        CHECK(inv_live_token_has_entry,
              status != RUNNING || (live[i_] != QUEUED && live[i_] != FIRED) || has_entry(i_));
#endif
        i_++
    :: else -> break
    od;
#ifndef ONLY_ENDS
    CHECK(inv_counter_is_live_tokens, counter == sum_);
#endif
    i_ = 0;
    n_ = 0;
    sum_ = 0
}

/* --- scripts: what they share --- */

inline ledger_append(l_k, l_t, l_d, l_e)
{
    length++;
    kind[length] = l_k;
    about[length] = l_t;
    delta[length] = l_d;
    became[length] = status;
    event[length] = l_e
}

inline emit(e_what)
{
    last++;
    counter++;
    live[last] = QUEUED;
    node[last] = e_what;
    attempt[last] = 1;
    generation[last] = 0;
    entry[last] = READY;
    serial[last] = 1
}

/* What it stood for is of no use to anybody then: its id never comes back. */
inline entry_goes(g_e)
{
    entry[g_e] = ABSENT;
    serial[g_e] = 0;
#ifdef KEEP
    stands[g_e] = 0;
    times[g_e] = 0
#endif
}

inline acknowledge(a_e, a_s)
{
    if
    :: serial[a_e] == a_s -> entry_goes(a_e)
    :: else
    fi
}

inline end_run(r_how)
{
    CHECK(inv_one_final_status, status == RUNNING);
    status = r_how;
    counter = 0
}

#ifdef JOINS
inline arrive(j_edge, j_how)
{
    if
    :: !join_there -> join_there = 1; open++
    :: else
    fi;
    CHECK(inv_edge_decided_once, mark[j_edge] == 0);
    mark[j_edge] = j_how;
    decided++;
#ifdef MUT_JOIN_NO_RECORD
    if
    :: decided < 2 -> decided = 0; join_there = 0; open--
    :: else
    fi;
#endif
    if
    :: decided == 2 ->
        open--;
        join_there = 0;
        decided = 0;
        if
        :: mark[0] == TAKEN || mark[1] == TAKEN -> emit(J); fires++
        :: else
        fi
#ifdef MUT_JOIN_FIRES_AT_ONCE
    :: decided == 1 && j_how == TAKEN -> emit(J); fires++
#endif
    :: else
    fi;
    CHECK(inv_join_fires_once, fires <= 1)
}
#endif

/* The operations of a successful execution's plan. */
inline work(w_what, w_out)
{
#ifdef FORK
    if
    :: w_what == A && w_out == SUCCESS -> emit(B); emit(C)
    :: w_what == A && w_out == OTHER ->
        emit(B);
#ifndef MUT_DEAD_EDGE_DROPPED
        arrive(1, DEAD)
#else
        skip
#endif
    :: w_what == B && w_out == SUCCESS -> arrive(0, TAKEN)
    :: w_what == B && w_out == OTHER -> arrive(0, DEAD)
    :: w_what == C && w_out == SUCCESS -> arrive(1, TAKEN)
    :: w_what == C && w_out == OTHER -> arrive(1, DEAD)
    :: w_what == J -> skip
    fi
#endif
#ifdef LOOP
    if
    :: w_what == H && w_out == SUCCESS -> /* goes back: decides no edge */
#ifdef MUT_BACK_DECIDES_EXITS
        arrive(0, DEAD);
#endif
        emit(H2)
    :: w_what == H && w_out == OTHER -> arrive(0, TAKEN)
    :: w_what == H2 -> arrive(0, TAKEN)
    :: w_what == C && w_out == SUCCESS -> arrive(1, TAKEN)
    :: w_what == C && w_out == OTHER -> arrive(1, DEAD)
    :: w_what == J -> skip
    fi
#endif
#ifdef CHAIN
    if
    :: w_what == A -> emit(B)
    :: w_what == B -> skip
    fi
#endif
#ifdef ONE
    skip
#endif
}

/* Which edges of the join are decided and whether it had to fire, when the run is through. */
inline through()
{
    CHECK(inv_nothing_open_at_zero, open == 0);
#ifdef JOINS
    CHECK(inv_join_fires_once, fires == (mark[0] == TAKEN || mark[1] == TAKEN));
#endif
    end_run(COMPLETED)
}

inline drop_live(d_n)
{
    live[d_n] = 0;
    attempt[d_n] = 0;
    generation[d_n] = 0;
    node[d_n] = 0
}

/* --- settle --- */

#ifdef KEEP
/* A token was settled that had an entry and a generation: the first of those that it emitted may stay with
 * its worker, and the entry with it. */
inline hand_on(k_w, k_e, k_s, k_first, k_generation)
{
    if
#ifndef MUT_LAPSED_HANDS_ON
    :: last >= k_first && times[k_e] < HANDOVERS && k_generation == 0 ->
#else
    :: last >= k_first && times[k_e] < HANDOVERS ->
#endif
#ifndef ONLY_ENDS
        CHECK(inv_handed_on_by_holder, entry[k_e] == PENDING + k_w && serial[k_e] == k_s);
#endif
        stands[k_e] = k_first;
        times[k_e]++;
        entry[k_first] = ABSENT;
        serial[k_first] = 0;
        got = k_first;
        got_entry = k_e;
        leaves_ = 0
    :: else
    fi
}

/* An entry that was handed on since stands for another token than the one that is stale. */
#ifndef MUT_STALE_ACKS_HANDED_ON
#define is_of(e, n) (stands[e] == 0 || stands[e] == n)
#else
#define is_of(e, n) true
#endif
#else
#define is_of(e, n) true
#endif

/* One token. a, g, e, s, f: attempt, generation, entry and its serial, whether it was fired; k: the caller
 * would keep the successor. */
inline settle_token(s_w, s_n, s_a, s_g, s_e, s_s, s_f, s_out, s_k)
{
    leaves_ = 1;
    if
#ifndef MUT_NO_STATUS_CHECK
    :: status != RUNNING -> result = GONE
#else
    :: status != RUNNING -> result = (live[s_n] -> OK : GONE)
#endif
    :: status == RUNNING && live[s_n] == 0 -> result = STALE
    :: status == RUNNING && live[s_n] != 0 ->
        if
        :: attempt[s_n] != s_a -> result = (s_out >= AGAIN -> STALE : HELD)
#ifndef MUT_LATE_FAILURE
        :: attempt[s_n] == s_a && s_out == FAILURE && generation[s_n] != s_g -> result = HELD
#endif
        :: attempt[s_n] == s_a && s_out >= AGAIN && (generation[s_n] != s_g || live[s_n] != (s_f -> FIRED : QUEUED)) ->
            result = STALE
        :: else -> result = OK
        fi
    fi;
#ifdef MUT_NO_DEDUPE
    if
    :: result == STALE && live[s_n] == 0 && s_out < FAILURE -> result = OK; counter++
    :: else
    fi;
#endif
    if
    :: result == OK && s_out >= AGAIN ->
        if
        :: s_out == AGAIN -> live[s_n] = PARKED; attempt[s_n] = s_a + 1; generation[s_n] = 0
        :: else -> live[s_n] = SLEEPING
        fi;
        events++;
        ledger_append(EXECUTION, 0, 0, events)
    :: result == OK && s_out < AGAIN ->
        CHECK(inv_token_settled_once, !settled[s_n]);
        CHECK(inv_failure_only_by_holder,
              s_out != FAILURE || entry[s_e] == PENDING + s_w || entry[s_e] == ABSENT);
        settled[s_n] = 1;
        sum_ = counter;
        counter--;
        n_ = node[s_n];
#ifdef KEEP
        first_ = last + 1;
        generation_ = generation[s_n];
#endif
        drop_live(s_n);
        if
        :: s_out == FAILURE -> end_run(FAILED)
        :: else ->
            work(n_, s_out);
            if
            :: counter == 0 -> through()
            :: else
#ifdef KEEP
                if
                :: s_k -> hand_on(s_w, s_e, s_s, first_, generation_)
                :: else
                fi
#endif
            fi
        fi;
        events++;
        ledger_append(EXECUTION, s_n, counter - sum_, events)
    :: else
    fi;
    if
    :: (result == OK && leaves_) || result == GONE || (result == STALE && live[s_n] == 0 && is_of(s_e, s_n)) ->
        acknowledge(s_e, s_s)
#ifdef MUT_PASSED_STATE_ACKED
    :: result == STALE && live[s_n] != 0 -> acknowledge(s_e, s_s)
#endif
#ifdef MUT_ACK_HELD
    :: result == HELD -> acknowledge(s_e, s_s)
#endif
    :: else
    fi;
    first_ = 0;
    generation_ = 0;
    leaves_ = 0
}

/* What a call claims, if it has kept nothing: the oldest entry that nobody has. */
inline claim_next(c_w)
{
    i_ = 1;
    do
    :: i_ < NUMBERS && got == 0 ->
        if
        :: entry[i_] == READY && (status != RUNNING || live[i_] == 0) -> entry_goes(i_)
        :: entry[i_] == READY && status == RUNNING && live[i_] != 0 ->
            entry[i_] = PENDING + c_w;
            got = i_; /* nobody had it, so it was not handed on */
            got_entry = i_
        :: else
        fi;
        i_++
    :: else -> break
    od;
    i_ = 0
}

/* The token that is pending for a consumer, with its entry; entries whose token is gone are dropped. */
inline find_pending(p_w)
{
    got = 0;
    got_entry = 0;
    i_ = 1;
    do
    :: i_ < NUMBERS ->
#ifndef MUT_ENTRY_OF_THE_FIRST
        n_ = token_of(i_);
#else
        n_ = i_;
#endif
        if
        :: entry[i_] == PENDING + p_w && (status != RUNNING || live[n_] == 0) -> entry_goes(i_)
        :: entry[i_] == PENDING + p_w && status == RUNNING && live[n_] != 0 && got == 0 -> got = n_; got_entry = i_
        :: else
        fi;
        i_++
    :: else -> break
    od;
    i_ = 0;
    n_ = 0
}

#define holds_entry(w) (entry[1] == PENDING + w || entry[2] == PENDING + w || entry[3] == PENDING + w || \
                        entry[4] == PENDING + w || entry[5] == PENDING + w)
#define any_ready (entry[1] == READY || entry[2] == READY || entry[3] == READY || entry[4] == READY || \
                   entry[5] == READY)

/* --- start --- */

inline start(b_which)
{
    if
    :: status != NONE -> ledger_append(DUPLICATE, b_which, 0, 0)
#ifndef MUT_START_REVIVES
    :: status == NONE && ended -> ledger_append(DUPLICATE, b_which, 0, 0)
    :: status == NONE && !ended ->
#else
    :: status == NONE ->
#endif
        starts++;
#ifdef EXPIRES
        CHECK(inv_run_starts_once, starts == 1 || is_final(pg_status));
#else
        CHECK(inv_run_starts_once, starts == 1);
#endif
        status = RUNNING;
        last = 0;
#ifdef LOOP
        emit(H);
        emit(C);
#else
        emit(A);
#endif
        events = 1;
        ledger_append(START, b_which, counter, 1)
    fi
}

inline forget()
{
    CHECK(inv_forgotten_after_commit, is_final(pg_status));
    status = NONE;
    counter = 0;
    open = 0;
    last = 0;
    events = 0;
    n_ = 1;
    do
    :: n_ < NUMBERS ->
        drop_live(n_);
        settled[n_] = 0;
#ifdef KEEP
        stands[n_] = 0;
        times[n_] = 0;
#endif
        n_++
    :: else -> break
    od;
    n_ = 0;
#ifdef JOINS
    mark[0] = 0;
    mark[1] = 0;
    join_there = 0;
    decided = 0;
#endif
    fires = 0;
    ended = 1
}

/* --- workers --- */

inline drop_late(dl_w)
{
    late[dl_w] = 0;
    late_token[dl_w] = 0;
    late_attempt[dl_w] = 0;
    late_generation[dl_w] = 0;
    late_serial[dl_w] = 0;
    late_state[dl_w] = 0;
    late_outcome[dl_w] = 0;
    late_claims[dl_w] = 0;
#ifdef KEEP
    late_entry[dl_w] = 0;
    late_keep[dl_w] = 0
#endif
}

/* From now on requests of this session are refused: those on their way might as well not be. */
inline session_ends(se_w)
{
#ifndef MUT_NO_SESSION_CHECK
    drop_late(se_w)
#else
    skip
#endif
}


#define REPLY 0 /* comes */
#define LOST 1  /* executed, the reply is lost */
#define LATER 2 /* executed later than its sender waits, or never */

inline hold(h_n, h_e)
{
    have = h_n;
    have_attempt = attempt[h_n];
    have_generation = generation[h_n];
#ifdef KEEP
    have_entry = h_e;
#endif
    have_serial = serial[h_e];
    have_fired = (live[h_n] == FIRED)
}

inline hold_nothing()
{
    have = 0;
    have_attempt = 0;
    have_generation = 0;
#ifdef KEEP
    have_entry = 0;
#endif
    have_serial = 0;
    have_fired = 0
}

/* What is held and executed becomes a result. */
inline execute()
{
    unsure = have;
    unsure_attempt = have_attempt;
    unsure_generation = have_generation;
#ifdef KEEP
    unsure_entry = have_entry;
#endif
    unsure_serial = have_serial;
    unsure_fired = have_fired;
    unsure_outcome = outcome;
    hold_nothing()
}

inline sure()
{
    unsure = 0;
    unsure_attempt = 0;
    unsure_generation = 0;
#ifdef KEEP
    unsure_entry = 0;
#endif
    unsure_serial = 0;
    unsure_fired = 0;
    unsure_outcome = 0
}

proctype Worker(bit w)
{
    bit greeted;
    byte have, have_attempt, have_generation, have_serial; /* claimed, not executed */
    bit have_fired;
    byte unsure, unsure_attempt, unsure_generation, unsure_serial, unsure_outcome; /* a result, not confirmed */
    bit unsure_fired;
#ifdef KEEP
    byte have_entry, unsure_entry;
    bit keep; /* what it settles is short work */
#else
#define have_entry have
#define unsure_entry unsure
#define keep false
#endif
    byte request; /* 1 + the inbox entry that it is starting */
    bit done[2];  /* inbox entries that it has started */
    byte mode, outcome;

end:
    do
    :: atomic { /* hello */
           !greeted ->
           if
           :: mode = REPLY
           :: spent_lost < F_LOST -> spent_lost++; mode = LOST
           fi;
           d_step {
               lapsed[w] = 0;
               session_ends(w);
               hold_nothing();
               find_pending(w);
               if
               :: mode == REPLY ->
                   session[w] = CURRENT;
                   greeted = 1;
#ifndef MUT_HELLO_FORGETS
                   if
                   :: got != 0 && got == unsure && attempt[got] == unsure_attempt &&
                          generation[got] == unsure_generation -> skip
                   :: got != 0 && got == unsure && (attempt[got] != unsure_attempt ||
                          generation[got] != unsure_generation) -> sure(); hold(got, got_entry)
                   :: got != 0 && got != unsure -> hold(got, got_entry)
                   :: else
                   fi
#endif
               :: else -> session[w] = ANOTHER
               fi;
               mode = 0;
               got = 0;
               got_entry = 0;
               boundary()
           }
       }
    :: atomic { /* settle, and claim when nothing is held */
           greeted && session[w] == CURRENT && (have != 0 || unsure != 0 || any_ready) ->
           if
           :: unsure != 0 || have == 0 -> skip
           :: unsure == 0 && have != 0 ->
               if
               :: outcome = SUCCESS
#if defined(JOINS)
               :: node[have] != J && node[have] != H2 -> outcome = OTHER
#endif
#ifdef FAILS
               :: outcome = FAILURE
#endif
#ifdef RETRY
               :: have_attempt == 1 -> outcome = AGAIN
#endif
#ifdef WAITS
               :: !have_fired -> outcome = WAIT
#endif
               fi;
               d_step { execute(); outcome = 0 }
           fi;
           if
           :: mode = REPLY
           :: spent_lost < F_LOST && !late[w] -> spent_lost++; mode = LATER
           fi;
#ifdef KEEP
           if
           :: have == 0 && unsure != 0 && unsure_outcome < FAILURE -> keep = 1
           :: skip
           fi;
#endif
           d_step {
               if
               :: mode == LATER -> /* executed at once it is a reply that was lost */
                   late[w] = 1;
                   late_token[w] = unsure;
                   late_attempt[w] = unsure_attempt;
                   late_generation[w] = unsure_generation;
                   late_serial[w] = unsure_serial;
                   late_state[w] = unsure_fired;
                   late_outcome[w] = unsure_outcome;
                   late_claims[w] = (have == 0);
#ifdef KEEP
                   late_entry[w] = unsure_entry;
                   late_keep[w] = keep
#endif
               :: else ->
                   result = OK;
                   got = 0;
                   if
                   :: unsure != 0 ->
                       settle_token(w, unsure, unsure_attempt, unsure_generation, unsure_entry, unsure_serial,
                                    unsure_fired, unsure_outcome, keep)
                   :: else
                   fi;
                   if
                   :: have == 0 && got == 0 -> claim_next(w)
                   :: else
                   fi;
                   if
                   :: mode == REPLY ->
                       sure();
                       if
                       :: got != 0 -> hold(got, got_entry)
                       :: else
                       fi;
                       if
                       :: result == HELD -> greeted = 0 /* perhaps it is ours by now: hello tells */
                       :: else
                       fi
                   :: else
                   fi
               fi;
               if
               :: mode != REPLY -> greeted = 0
               :: else
               fi;
               if
               :: !greeted -> hold_nothing()
               :: else
               fi;
               mode = 0;
               result = 0;
               got = 0;
               got_entry = 0;
               n_ = 0;
#ifdef KEEP
               keep = 0;
#endif
               boundary()
           }
       }
#ifdef MUT_ACK_BEFORE_EMIT
    :: d_step {
           greeted && session[w] == CURRENT && have != 0 && entry[have_entry] == PENDING + w ->
           entry[have_entry] = ABSENT
       }
#endif
    :: d_step { /* any call is refused */
           greeted && session[w] != CURRENT -> greeted = 0; hold_nothing()
       }
    :: d_step { /* beat */
           greeted && session[w] == CURRENT && lapsed[w] -> lapsed[w] = 0
       }
    :: atomic { /* reclaim */
           greeted && session[w] == CURRENT && !lapsed[w] && have == 0 && unsure == 0 && lapsed[1 - w] &&
               session[1 - w] != UNKNOWN && holds_entry(1 - w) ->
           if
           :: mode = REPLY
           :: spent_lost < F_LOST -> spent_lost++; mode = LOST
           fi;
           d_step {
               find_pending(1 - w);
               if
               :: got != 0 ->
                   entry[got_entry] = PENDING + w;
#ifndef MUT_RECLAIM_KEEPS_GENERATION
                   generation[got] = generation[got] + 1;
#endif
                   if
                   :: mode == REPLY -> hold(got, got_entry)
                   :: else
                   fi
               :: else
               fi;
               if
               :: mode != REPLY -> greeted = 0
               :: else
               fi;
               mode = 0;
               got = 0;
               got_entry = 0;
               boundary()
           }
       }
    :: d_step { /* leave, for the other one */
           greeted && session[w] == CURRENT && lapsed[1 - w] && session[1 - w] != UNKNOWN &&
#ifndef MUT_LEAVE_WHILE_HOLDING
               !holds_entry(1 - w)
#else
               true
#endif
               ->
           session[1 - w] = UNKNOWN;
           lapsed[1 - w] = 0;
           session_ends(1 - w)
       }
#define is_free (greeted && have == 0 && unsure == 0 && request == 0)
/* Who reads first is worker 0: it makes no difference. */
#define may_read(which) \
    ((inbox[which] == READY && (which == 0 -> w == 0 : inbox[0] != READY)) || \
     (inbox[which] == PENDING + w && !done[which]))
#define may_take_over(which) \
    (!lapsed[w] && inbox[which] == PENDING + (1 - w) && (lapsed[1 - w] || session[1 - w] == UNKNOWN))
    :: d_step { /* a new request, or one that an earlier process of this name has read */
           is_free && may_read(0) -> inbox[0] = PENDING + w; request = 1
       }
    :: d_step { /* … or of a reader whose lease has lapsed */
           is_free && may_take_over(0) -> inbox[0] = PENDING + w; done[0] = 0; request = 1
       }
#ifdef TWICE
    :: d_step {
           is_free && may_read(1) -> inbox[1] = PENDING + w; request = 2
       }
    :: d_step {
           is_free && may_take_over(1) -> inbox[1] = PENDING + w; done[1] = 0; request = 2
       }
#endif
    :: atomic { /* start: without a session, and asked again until it is answered */
           request != 0 ->
           if
           :: mode = REPLY
           :: spent_lost < F_LOST -> spent_lost++; mode = LOST
           fi;
           d_step {
               start(request - 1);
#ifdef MUT_INBOX_ACK_BEFORE_COMMIT
               CHECK(inv_acked_after_commit, pg_start);
               inbox[request - 1] = ABSENT;
#endif
               if
               :: mode == REPLY -> done[request - 1] = 1; request = 0
               :: else
               fi;
               mode = 0;
               boundary()
           }
       }
    :: atomic { /* the process ends */
           spent_crash < F_CRASH -> spent_crash++;
           d_step {
               greeted = 0;
               hold_nothing();
               sure();
               request = 0;
               done[0] = 0;
               done[1] = 0;
               if
               :: session[w] == CURRENT -> session[w] = ANOTHER
               :: else
               fi
           }
           if
           :: skip
           :: !dead[1 - w] && (w == 1 || inbox[0] != READY) ->
               dead[w] = 1;
               lapsed[w] = (session[w] != UNKNOWN);
               goto gone
           fi
       }
    od;
gone:
    skip
}

#if F_LOST > 0
/* Requests that are executed later. Nobody reads the replies. */
proctype Late(bit w)
{
end:
    do
    :: d_step {
           late[w] ->
           got = 0;
           if
           :: late_token[w] != 0 ->
               settle_token(w, late_token[w], late_attempt[w], late_generation[w], late_entry[w],
                            late_serial[w], late_state[w], late_outcome[w], late_keep[w])
           :: else
           fi;
           if
           :: late_claims[w] && got == 0 -> claim_next(w)
           :: else
           fi;
           drop_late(w);
           result = 0;
           got = 0;
           got_entry = 0;
           n_ = 0;
           boundary()
       }
    od
}
#endif

#if F_LAPSE > 0
/* Leases of the living lapse within the budget; those of the dead have. */
proctype Leases()
{
end:
    do
    :: d_step {
           spent_lapse < F_LAPSE && session[0] != UNKNOWN && !lapsed[0] && !dead[0] ->
           spent_lapse++;
           lapsed[0] = 1
       }
    :: d_step {
           spent_lapse < F_LAPSE && session[1] != UNKNOWN && !lapsed[1] && !dead[1] ->
           spent_lapse++;
           lapsed[1] = 1
       }
    od
}
#endif

#if defined(RETRY) || defined(WAITS)
#define is_parked(n) (status == RUNNING && (live[n] == PARKED || live[n] == SLEEPING))

inline fire(t_n)
{
    live[t_n] = (live[t_n] == PARKED -> QUEUED : FIRED);
    entry[t_n] = READY;
    serials++;
    serial[t_n] = serials;
    boundary()
}

/* The owner calls fire; what it does does not depend on who calls. Only tokens 1 and 2 are ever parked. */
proctype Timers()
{
end:
    do
    :: d_step { is_parked(1) -> fire(1) }
#if TOKENS > 1
    :: d_step { is_parked(2) -> fire(2) }
#endif
    od
}
#endif

/* --- supervisors --- */

byte pg_owner; /* 1 + supervisor */

#define LEASE 0
#define IDLE 1
#define COMMIT 2
/* What follows a commit, and a take-over. */
#define FOLLOW_1 3 /* requests are acknowledged */
#define FOLLOW_2 4 /* runs forgotten */
#define FOLLOW_3 5 /* the ledger trimmed, but for the last committed entry */
#define CANCEL_CALL 6
#define CANCEL_ABSENT 7

/* Moves cursor and history, if it still is the owner's. */
inline commit()
{
    i_ = cursor + 1;
    do
    :: i_ <= to ->
        if
        :: kind[i_] == DUPLICATE -> skip
#if defined(EXPIRES) && !defined(MUT_STRAYS_RECORDED)
        /* A stray: not for the record, and to be ended in Redis. */
        :: kind[i_] != DUPLICATE && is_final(pg_status) -> strays = (kind[i_] == COMMAND -> strays : 1)
        :: kind[i_] != DUPLICATE && !is_final(pg_status) ->
#else
        :: else ->
#endif
            CHECK(inv_record_once_and_gap_free, event[i_] == pg_events + 1);
            CHECK(inv_one_final_status, !is_final(pg_status));
            pg_events = event[i_];
            pg_status = became[i_];
            pg_sum = pg_sum + delta[i_];
            if
            :: kind[i_] == START -> pg_start = 1
            :: kind[i_] == EXECUTION && about[i_] != 0 ->
                CHECK(inv_record_once_and_gap_free, !pg_recorded[about[i_]]);
                pg_recorded[about[i_]] = 1
            :: else
            fi;
            CHECK(inv_deltas_sum_to_zero, !is_final(pg_status) || pg_sum == 0)
        fi;
        i_++
    :: else -> break
    od;
    i_ = 0;
    pg_cursor = to
}

inline leave_off()
{
    mine = 0;
    cursor = 0;
    from = 0;
    to = 0;
    strays = 0;
    step = LEASE
}

inline acknowledge_requests()
{
    i_ = from;
    do
    :: i_ <= to ->
        if
        :: kind[i_] == START || kind[i_] == DUPLICATE ->
            CHECK(inv_acked_after_commit, pg_start);
            inbox[about[i_]] = ABSENT
        :: else
        fi;
        i_++
    :: else -> break
    od;
    i_ = 0
}

inline forget_runs()
{
    i_ = from;
    do
    :: i_ <= to ->
        if
        :: is_final(status) && is_final(became[i_]) && kind[i_] != DUPLICATE -> forget()
        :: else
        fi;
        i_++
    :: else -> break
    od;
    i_ = 0
}

inline cancel()
{
    if
    :: status == RUNNING ->
        sum_ = counter;
#ifndef MUT_CANCEL_KEEPS_COUNTER
        end_run(CANCELLED);
#else
        status = CANCELLED;
#endif
        events++;
        ledger_append(COMMAND, 0, counter - sum_, events)
    :: else
    fi;
    boundary()
}

#ifdef EXPIRES
inline end_strays()
{
    if
    :: strays ->
        strays = 0;
        cancel();
        if
        :: is_final(status) -> forget()
        :: else
        fi
    :: else
    fi
}
#else
inline end_strays()
{
    skip
}
#endif

inline trim()
{
    if
    :: first < to -> first = to
    :: else
    fi
}

#if F_DOWN == 0 && F_TAKE == 0

/* One that nobody disturbs: nobody can tell its steps apart. */
proctype Supervisor()
{
    byte cursor, from, to;
    bit strays;

end:
    do
    :: d_step {
           length > cursor ->
           from = cursor + 1;
           to = length;
           commit();
           cursor = to;
           acknowledge_requests();
           end_strays();
           forget_runs();
           trim();
           from = 0;
           to = 0
       }
#ifdef CANCEL
    :: d_step { command && pg_status == RUNNING && status == RUNNING -> cancel() }
#endif
    od
}

#else

proctype Supervisor(bit s)
{
    byte mine, cursor; /* fence and cursor as it knows them */
    byte from, to;     /* entries at hand */
    byte step;
    bit strays; /* among the entries at hand */

end:
    do
    :: d_step {
           step == LEASE && (pg_owner == 0 || pg_owner == 1 + s || spent_take < F_TAKE) ->
           if
           :: pg_owner != 0 && pg_owner != 1 + s -> spent_take++
           :: else
           fi;
           pg_owner = 1 + s;
           pg_fence++;
           mine = pg_fence;
           cursor = pg_cursor;
           step = IDLE;
#ifndef MUT_NO_REPEAT
           /* What the one before has committed may not be followed up. */
           if
           :: cursor > 0 -> from = first; to = cursor; step = FOLLOW_1
           :: else
           fi
#endif
       }
    :: d_step {
           step == FOLLOW_1 ->
#ifndef MUT_TRIM_FIRST
           acknowledge_requests();
#else
           trim();
#endif
           step = FOLLOW_2
       }
    :: d_step {
           step == FOLLOW_2 ->
           end_strays();
           forget_runs();
           step = FOLLOW_3
       }
    :: d_step {
           step == FOLLOW_3 ->
#ifndef MUT_TRIM_FIRST
           trim();
#else
           acknowledge_requests();
#endif
           from = 0;
           to = 0;
           step = IDLE
       }
    :: d_step { /* reads from the last committed entry, that one included */
           step == IDLE && length > cursor ->
           if
           :: cursor > 0 && first > cursor ->
               CHECK(inv_record_once_and_gap_free, mine != pg_fence);
               leave_off()
           :: else ->
               from = cursor + 1;
               to = length;
#ifdef MUT_TRIM_BEFORE_COMMIT
               trim();
#endif
#ifdef MUT_FORGET_BEFORE_COMMIT
               forget_runs();
#endif
#ifdef MUT_ACK_READ_REQUESTS
               acknowledge_requests();
#endif
               step = COMMIT
           fi
       }
    :: d_step {
           step == COMMIT ->
           if
#ifndef MUT_NO_FENCE
           :: pg_fence == mine && pg_cursor == cursor ->
#else
           :: true ->
#endif
               commit();
               cursor = to;
               step = FOLLOW_1
           :: else -> leave_off()
           fi
       }
#ifdef CANCEL
    :: d_step { /* looks at commands */
           step == IDLE && command && pg_status == RUNNING && status <= RUNNING -> step = CANCEL_CALL
       }
    :: d_step {
           step == CANCEL_CALL ->
           step = (status == NONE -> CANCEL_ABSENT : IDLE);
           cancel()
       }
    :: d_step { /* Redis does not have it: it can only have ended meanwhile */
           step == CANCEL_ABSENT ->
           CHECK(inv_one_final_status, pg_fence != mine || is_final(pg_status));
           step = IDLE
       }
#endif
    :: d_step { /* the process ends */
           spent_down < F_DOWN && step != LEASE -> spent_down++; leave_off()
       }
    od
}

#endif

#ifdef CANCEL
proctype User()
{
end:
    d_step { pg_status == RUNNING -> command = 1 }
}
#endif

#ifdef EXPIRES
proctype Memory()
{
end:
    d_step { ended && status == NONE && inbox[1] != ABSENT -> ended = 0 }
}
#endif

/* Nobody can do anything any more. */
proctype Judge()
{
    atomic {
        timeout ->
        CHECK(inv_accepted_run_ends, is_final(pg_status));
        CHECK(inv_nothing_left_behind,
              status == NONE && inbox[0] == ABSENT && inbox[1] == ABSENT && !any_ready &&
                  !holds_entry(0) && !holds_entry(1) && first == length && pg_cursor == length)
    }
}

init
{
    d_step {
        first = 1;
        inbox[0] = READY;
#ifdef TWICE
        inbox[1] = READY;
#endif
#if defined(RETRY) || defined(WAITS)
        serials = 1
#endif
    };
    atomic {
        run Judge();
        run Worker(0);
        run Worker(1);
#if F_LOST > 0
        run Late(0);
        run Late(1);
#endif
#if F_LAPSE > 0
        run Leases();
#endif
#if F_DOWN == 0 && F_TAKE == 0
        run Supervisor();
#else
        run Supervisor(0);
#endif
#if F_TAKE > 0
        run Supervisor(1);
#endif
#if defined(RETRY) || defined(WAITS)
        run Timers();
#endif
#ifdef EXPIRES
        run Memory();
#endif
#ifdef CANCEL
        run User()
#endif
    }
}
