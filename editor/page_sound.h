#pragma once
/* Sound in the page: songs as MP3, then the recording: all of it where there is room, else what the page's
 * buttons play of it. What finds no room plays from its file, which must then lie beside the page. */
#include "editor/edit_work.h"

/* Of MP3; a third more as text: a page that can still be sent by mail. */
enum { PAGE_SOUND_BYTES = 12 << 20 };

typedef struct Stretch {
    int64_t start, end; /* samples of the recording */
} Stretch;

typedef struct PageSound {
    const EditWork *work;
    const char *folder; /* where the page will lie */
    Steps *steps;
    int64_t left_bytes;
    double done, all; /* of the work: a song is in stereo and costs twice what a sketch does */
    Stretch *wanted;
    int32_t n_wanted, room;
    bool bad; /* no memory for what is wanted */
} PageSound;

/* Borrows all. */
void page_sound_init(PageSound *p, const EditWork *work, const char *folder, Steps *steps);
void page_sound_drop(PageSound *p);
/* The player of a song, which `of` names. */
Status page_sound_song(PageSound *p, ByteWriter *w, const EditedSong *s, const char *of);
/* Says that a button plays this part of the recording. */
void page_sound_want(PageSound *p, int64_t start, int64_t end);
/* The players of the recording, which "raw" names; after all that is wanted. */
Status page_sound_recording(PageSound *p, ByteWriter *w);
