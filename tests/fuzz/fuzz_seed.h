/* What the seed corpora of the verifier's fuzz targets are made from (make_verify_seeds.c). */
#ifndef FUZZ_SEED_H
#define FUZZ_SEED_H

#define FUZZ_SEED_ROOT    "fuzz root"
#define FUZZ_SEED_CONTENT "fuzz content"

#endif
