#pragma once
/* Curriculum: what ticket number `id` is. A pure function of (run seed, id, songs), so the ledger holds ids
 * only, any ticket can be made again, and a resumed run deals the same ones.
 *
 *     update u = id / batch    stage = where u falls    group g = id / 8
 *     song = a permutation of the book drawn anew for each pass over it
 *     job  = one of the group's two: tickets 0..3 the first, 4..7 the second
 *     seed = mix(run seed, id)
 */
#include "common/policy/policy.h"
#include "common/protocol/ticket.h"
#include "learner/songs.h"

typedef enum Stage {
    STAGE_RETARGET, /* imitation of retarget at random lengths */
    STAGE_DEMOS,    /* imitation of demonstrations, 1:1 with retarget */
    STAGE_VALUE,    /* the value head alone, on the network's own episodes */
    STAGE_PPO,
    STAGES
} Stage;
extern const char *const stage_names[STAGES];

typedef struct Curriculum {
    uint64_t seed, epoch;
    uint32_t batch;
    uint64_t updates[STAGES];
    RunMode mode;
    uint32_t max_lag;      /* lockstep: 0 or 1 */
    const SongBook *songs; /* sorted; borrowed, read by the link thread */
} Curriculum;

uint64_t curriculum_updates(const Curriculum *c); /* of all stages */
/* The stage of update u; past the end it is the last stage that has updates. */
Stage curriculum_stage(const Curriculum *c, uint64_t u);
/* The first update of a stage (= curriculum_updates or less). */
uint64_t curriculum_start(const Curriculum *c, Stage stage);
bool stage_imitates(Stage stage);
PolicyKind stage_kind(Stage stage);

/* The song of group g: every song once in each pass. */
int32_t curriculum_song(const Curriculum *c, uint64_t group);
/* Job `which` (0..TICKET_GROUP-1) of group g: always one that job_check lets through. A group of the network
 * has two, 0 and 1, so that episodes can be compared; of a planner eight. */
void curriculum_job(const Curriculum *c, uint64_t group, int which, Job *job);

/* A TicketMaker; context is the Curriculum. */
void curriculum_ticket(void *context, uint64_t id, Ticket *out);
