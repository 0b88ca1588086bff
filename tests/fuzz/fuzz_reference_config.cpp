// The reference system's config: what is imported is a config of ours.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "openset/base/error.hpp"
#include "openset/cascade/pipeline_config.hpp"
#include "openset/cascade/reference_config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace openset;
    cascade::ReferenceImport import;
    try {
        import = cascade::import_reference_config({reinterpret_cast<const char*>(data), size}, "fuzz.config", "cars");
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::usage) std::abort();
        return 0;
    }
    cascade::parse_pipeline_config(import.config_json, "imported.json", "/models"); // an exception is a finding
    return 0;
}
