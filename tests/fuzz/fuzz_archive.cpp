// A network file as far as it is read without LibTorch: the ZIP archive and the openset.json in it.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "openset/base/error.hpp"
#include "openset/model/network_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace openset;
    static const int file = ::memfd_create("fuzz", 0);
    if (file < 0 || ::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
        std::abort();
    try {
        model::open_network_file("/proc/self/fd/" + std::to_string(file));
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::model && error.kind() != ErrorKind::unreadable) std::abort();
    }
    return 0;
}
