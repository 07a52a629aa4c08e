#pragma once
/* A Json's node, as reading (json.c) and writing (json_write.c) see it. jansson's types stay out of json.h
 * and this header: `value` is a json_t. */
#include "common/host/json.h"

struct json_t;

struct Json {
    struct json_t *value; /* a reference of its own in roots, borrowed in views */
    const Json *parent;   /* NULL in roots */
    const char *key;      /* of a member, borrowed; NULL in elements and roots */
    size_t index;         /* in the parent */
    Json *children;       /* made when first asked for, NULL before */
    size_t n_children;
    char *name; /* of a root: how errors call the document */
};

/* A root that takes the reference; NULL for NULL and when memory is out. */
Json *json_root_of(struct json_t *value);
/* Forgets the views of a node's members, which change. */
void json_drop_children(Json *node);
