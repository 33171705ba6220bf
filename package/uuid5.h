/* Name-based UUIDs (RFC 9562 5.5), and the vendor and class ids made with them (RFC 9124).
 */
#ifndef PACKAGE_UUID5_H
#define PACKAGE_UUID5_H

#include <stdint.h>

enum { UUID_LEN = 16 };

/* UUIDv5 of `name` in the name space `space`. */
void uuid5_of(uint8_t id[UUID_LEN], const uint8_t space[UUID_LEN], const char *name);

/* Vendor id: UUIDv5(DNS, domain). */
void uuid5_vendor(uint8_t id[UUID_LEN], const char *domain);

/* Class id: UUIDv5(vendor id, class name). */
void uuid5_class(uint8_t id[UUID_LEN], const uint8_t vendor_id[UUID_LEN], const char *class_name);

#endif
