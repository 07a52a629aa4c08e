#pragma once
/* Markers as bytes of a file: what libsndfile does not write. Inside common/audio only.
 *
 * WAV: chunks "cue " and LIST/adtl/labl after the samples. FLAC and OGG: comments CHAPTER001=00:01:02.345 and
 * CHAPTER001NAME=..., at most 999. MP3: an ID3v2.3 tag before the sound with a CHAP frame for each, at most
 * 255. Where a format holds fewer, the first ones are written. */
#include "common/audio/audio.h"
#include "common/core/bytes.h"

/* Appends to a finished WAV file and sets its length. */
Status markers_to_wav(int fd, const AudioMarkers *markers);
size_t markers_wav_bytes(const AudioMarkers *markers);

/* FLAC and OGG have their comments before the sound. So a comment of the right length is given to the encoder
 * (SF_STR_COMMENT; malloc'ed), and when the file is finished, the entries are written over it. */
Status markers_filler(const AudioMarkers *markers, int32_t rate_hz, char **text);
Status markers_to_flac(int fd, const AudioMarkers *markers, int32_t rate_hz);
Status markers_to_ogg(int fd, const AudioMarkers *markers, int32_t rate_hz);

/* The tag to put before an MP3, into an initialised writer. */
Status markers_id3(const AudioMarkers *markers, int32_t rate_hz, ByteWriter *tag);
