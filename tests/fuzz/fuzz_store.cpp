// A store whose meta.json and samples.csv are foreign (one behind the other, a NUL between them) beside arrays of three
// rows: what is accepted names each row once, and the meta is written back, and read again, as the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/npy.hpp"
#include "openset/io/store_writer.hpp"
#include "scratch_folder.hpp"

namespace {

using namespace openset;

void read_store() {
    const io::ActivationStore store(scratch_folder());
    const std::string meta = to_json(store.meta());
    if (to_json(io::parse_store_meta(meta, "again")) != meta) std::abort();
    std::int64_t rows = 0;
    store.for_each_sample([&rows](std::int64_t row, const std::string& path, const std::string&) {
        if (row != rows++ || path.empty()) std::abort();
    });
    if (rows != store.rows()) std::abort();
}

template <typename Read>
void read_foreign(const Read& read) {
    try {
        read();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt) std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool arrays_are_there = [] {
        io::write_npy<float>(scratch_folder() / "logits.npy", std::vector<float>(6), {3, 2});
        io::write_npy<std::int64_t>(scratch_folder() / "labels.npy", std::vector<std::int64_t>{0, 1, -1}, {3});
        return true;
    }();
    const std::string input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(input.find('\0'), size);
    write_scratch("meta.json", input.substr(0, end));
    write_scratch("samples.csv", input.substr(std::min(end + 1, size)));
    read_foreign(read_store);
    read_foreign([] { io::for_each_picture(scratch_folder(), [](const io::StoreSample&) {}); });
    return arrays_are_there ? 0 : 1;
}
