/* Registers behind a UIO device: the kernel says in /sys how long the first map is and where in its
 * first page it begins.  A span of one's own may be given, also for what is no UIO device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regs_kind.h"
#include "regs_uio.h"

#define MAX_SPAN 0x40000000u

/* One number of /sys/class/uio/NAME/maps/map0. */
static bool map_attribute(const char *sysfs, const char *name, const char *attribute, uint64_t *value)
{
    char path[512], text[64] = "";
    const char *after;

    int length = snprintf(path, sizeof path, "%s/%s/maps/map0/%s", sysfs, name, attribute);
    FILE *stream = length > 0 && (size_t)length < sizeof path ? fopen(path, "r") : NULL;
    if (stream == NULL) {
        return false;
    }
    bool good = fgets(text, sizeof text, stream) != NULL;
    fclose(stream);
    text[strcspn(text, "\n")] = '\0';
    return good && ntorc_regs_number(text, '\0', UINT64_MAX, value, &after);
}

ntorc_regs *ntorc_regs_open_uio_at(const char *sysfs, const char *rest, char *error, size_t n)
{
    uint64_t asked = 0, size = 0, offset = 0;
    const char *colon = strrchr(rest, ':');
    const char *after = NULL;

    if (colon != NULL && (!ntorc_regs_number(colon + 1, '\0', MAX_SPAN, &asked, &after) || asked < 4 || asked % 4 != 0)) {
        snprintf(error, n, "'uio:%s' is not uio:DEVICE or uio:DEVICE:0xSPAN with a multiple of 4", rest);
        return NULL;
    }
    char *path = colon != NULL ? strndup(rest, (size_t)(colon - rest)) : strdup(rest);
    if (path == NULL || path[0] == '\0') {
        snprintf(error, n, path == NULL ? "no memory" : "'uio:' names no device");
        free(path);
        return NULL;
    }
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    bool known = map_attribute(sysfs, name, "size", &size);
    ntorc_regs *regs = NULL;
    if (known && !map_attribute(sysfs, name, "offset", &offset)) {
        offset = 0; /* kernels before 4.10 do not tell it: maps begin at a page there */
    }
    if (known && (offset >= size || offset % 4 != 0 || asked > size - offset)) {
        snprintf(error, n, "%s maps 0x%llx bytes from offset 0x%llx: 0x%llx were asked for", path,
                 (unsigned long long)size, (unsigned long long)offset, (unsigned long long)asked);
    } else if (!known && asked == 0) {
        snprintf(error, n, "%s is no UIO device with a map in %s: give the span, uio:%s:0xSPAN", path, sysfs, path);
    } else {
        uint64_t span = asked > 0 ? asked : (size - offset) / 4 * 4;
        regs = ntorc_regs_map(path, offset, (uint32_t)(span < MAX_SPAN ? span : MAX_SPAN), error, n);
    }
    free(path);
    return regs;
}

ntorc_regs *ntorc_regs_open_uio(const char *rest, char *error, size_t n)
{
    return ntorc_regs_open_uio_at("/sys/class/uio", rest, error, n);
}
