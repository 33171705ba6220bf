/* What the files of the test PKI share. */
#ifndef TESTPKI_PRIVATE_H
#define TESTPKI_PRIVATE_H

#include "blob.h"
#include "crypto.h"
#include "oid.h"

void blob_oid(struct blob *b, const struct oid *oid);

/* AlgorithmIdentifier under `tag`. */
void blob_algorithm(struct blob *b, uint8_t tag, const uint8_t *oid, size_t len, bool with_null);

/* DER ECDSA-Sig-Value of r | s. */
void blob_ecdsa(struct blob *b, const uint8_t signature[P256_SIGNATURE_LEN]);

#endif
