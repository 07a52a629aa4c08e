#pragma once
/* Keys on disk: server.key and client.key (two lines, Z85: public, secret; mode 0600) and allow.d/ with one
 * public key a file. Internal to common/net. */
#include "common/net/net.h"

enum { KEY_Z85 = 41 }; /* 40 characters and NUL */

Status keys_read(const char *folder, const char *name, char public_key[KEY_Z85], char secret_key[KEY_Z85]);
bool keys_allow(const char *folder, const char *public_key);

void *net_context(Net *net);
/* The ZAP domain for this key folder; starts the guard. */
Status net_domain(Net *net, const char *keys, char domain[16]);
