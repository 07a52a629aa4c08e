#pragma once
/* Players: what each part of the band does in one bar. Inside perform only. */
#include "simulator/perform.h"

typedef struct Player {
    const Tune *tune;
    const TakePlan *plan;
    const TakeTimes *times;
    const Synth *synth;
    Line line;
    Part part;
    Rng r;
    int32_t beat;        /* that late_s and loud were drawn for */
    double late_s, loud; /* this player's own, beside the band's */
    double cents;        /* tuning */
    double swing, sixteenths;
    int32_t voicing, manner; /* of this section in this take */
    double last_hz;          /* the singer's */
} Player;

/* Severity of a flaw of this kind at a slot, 0 for none. */
float flaw_at(const TakePlan *plan, int32_t slot, FlawKind kind);
/* Which part falls silent in a dropout; PARTS for all of them at once. */
Part dropout_part(const Tune *tune, const TakePlan *plan, const TakeFlaw *flaw);

/* slot's bar; bar_beat: beats from the take's start to it. skins: drums are played in two lines, the kit's
 * skins and its cymbals. */
void play_drums(Player *p, int32_t slot, double bar_beat, bool skins);
void play_bass(Player *p, int32_t slot, double bar_beat);
void play_guitar(Player *p, int32_t slot, double bar_beat);
void play_keys(Player *p, int32_t slot, double bar_beat);
void play_lead(Player *p, int32_t slot, double bar_beat);
void play_voice(Player *p, int32_t slot, double bar_beat);
