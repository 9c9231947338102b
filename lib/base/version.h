/* version: of all of troupe. lib/python and lib/node name theirs themselves. */
#ifndef TROUPE_BASE_VERSION_H
#define TROUPE_BASE_VERSION_H

#ifndef TROUPE_VERSION
#define TROUPE_VERSION "0.1.0"
#endif

#endif
