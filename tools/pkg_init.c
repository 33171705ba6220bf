/* gatewaypkg init: commented examples to start from. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pkg.h"
#include "pkg_file.h"

static const char release_json[] =
    "// One release of a whole system. gatewaypkg build makes an unsigned package of it.\n"
    "// Lines that begin with // are comments; what is commented out is optional.\n"
    "{\n"
    "    // Must equal \"system\" in the gateways' gatewayd.json.\n"
    "    \"system\": \"acme.example/plant-a\",\n"
    "    // For people.\n"
    "    \"release\": \"2026.11\",\n"
    "    // Grows with every release; a gateway never goes below \"floor\" of what it confirmed.\n"
    "    \"sequence\": 1,\n"
    "    // \"floor\": 1,\n"
    "    // After this moment no gateway accepts the package for the first time.\n"
    "    \"expires\": \"2028-01-01T00:00:00Z\",\n"
    "    \"components\": [\n"
    "        {\n"
    "            \"name\": \"meter-fw\",\n"
    "            // Made by gatewaypkg image; the path is relative to this file.\n"
    "            \"image\": \"meter.gwi\",\n"
    "            // The same two names as in the image's description.\n"
    "            \"vendor\": \"acme.example\",\n"
    "            \"class\": \"pm1\"\n"
    "            // Narrows it to some devices. A device that cannot state its ids (a foreign "
    "one)\n"
    "            // must be named here: by its bus, and by what it shows there.\n"
    "            // \"match\": { \"uart\": {}, \"serials\": [\"0a1b\"] },\n"
    "            // \"match\": { \"usb\": { \"vid\": \"1209\", \"pid\": \"0001\" } },\n"
    "            // \"match\": { \"modbus\": { \"vendor_name\": \"ACME\", \"product_code\": "
    "\"PM1\" } },\n"
    "            // \"match\": { \"zigbee\": { \"manufacturer\": \"1234\", \"image_type\": "
    "\"0001\" } },\n"
    "            // The system may do without it.\n"
    "            // \"required\": false,\n"
    "            // Activated only when these have been confirmed.\n"
    "            // \"after\": [\"bridge-fw\"],\n"
    "            // Components of one group are upgraded together or not at all.\n"
    "            // \"group\": \"metering\"\n"
    "        }\n"
    "    ]\n"
    "}\n";

static const char image_json[] =
    "// One binary. gatewaypkg image makes a signed image (.gwi) of it.\n"
    "{\n"
    "    // Who makes the device: a domain name. The device holds UUIDv5(DNS, vendor).\n"
    "    \"vendor\": \"acme.example\",\n"
    "    // What kind of device: the device holds UUIDv5(vendor id, class).\n"
    "    \"class\": \"pm1\",\n"
    "    // Which part of it: 0 is the application; 1.. are the maker's (radio, FPGA, data).\n"
    "    \"component\": 0,\n"
    "    // For people.\n"
    "    \"version\": \"1.0.0\",\n"
    "    // Grows with every release; devices refuse to go below the floor.\n"
    "    \"sequence\": 1,\n"
    "    // Lowest sequence that is still allowed once this image is confirmed.\n"
    "    // \"floor\": 1,\n"
    "    // A power of two, 512 to 65536: the smallest unit that is verified before it is "
    "flashed.\n"
    "    \"block_size\": 1024\n"
    "    // Hardware revisions that it runs on.\n"
    "    // \"hardware\": { \"min\": 1, \"max\": 3 },\n"
    "    // Only these devices, serial numbers in hex.\n"
    "    // \"serials\": [\"0a1b\"],\n"
    "    // Other parts of the device that must be new enough.\n"
    "    // \"requires\": [{ \"component\": 1, \"min_sequence\": 5 }],\n"
    "    // For devices with somebody else's boot loader: the gateway verifies and sends the bare\n"
    "    // payload. Such devices are declared \"foreign\" in gatewayd.json.\n"
    "    // \"delivery\": \"payload\",\n"
    "    // How a device that cannot state its ids shows itself on its bus.\n"
    "    // \"bus_ids\": [\"usb:1209:0001\", \"zigbee:1234/0001\", \"modbus:ACME/PM1\"],\n"
    "    // Execute-in-place images: the address that this binary is linked for.\n"
    "    // \"link_address\": 134283264\n"
    "}\n";

static enum gw_err write_example(const char *dir, const char *name, const char *text,
                                 struct json *files, struct gw_error *error)
{
    char *path = NULL;
    enum gw_err err;

    if (asprintf(&path, "%s/%s", dir, name) < 0) {
        return GW_NO_MEMORY;
    }
    err = pkg_file_create(path, text, error);
    if (!err) {
        (void)json_append(files, json_new_string(path));
    }
    free(path);
    return err;
}

enum gw_err pkg_init(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    const char *dir = a->words[0] ? a->words[0] : ".";
    struct json *result = json_new_object();
    struct json *files = json_set(result, "files", json_new_array());
    enum gw_err err = GW_OK;

    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        err = gw_fail(error, GW_FILE_WRITE, "%s: %s", dir, strerror(errno));
    }
    if (!err) {
        err = write_example(dir, "release.json", release_json, files, error);
    }
    if (!err) {
        err = write_example(dir, "image.json", image_json, files, error);
    }
    if (!err && pkg->json) {
        pkg_put_json(pkg, result);
        return GW_OK;
    }
    if (!err) {
        pkg_put_line(pkg, "Wrote", "%s/release.json and %s/image.json", dir, dir);
        (void)fprintf(pkg->notes, "Next: edit them; gatewaypkg image PAYLOAD %s/image.json ...\n",
                      dir);
    }
    json_free(result);
    return err;
}
