#include "report/files.hpp"

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"

namespace openset::report {

namespace fs = std::filesystem;

void check_place_for_files(const fs::path& folder) {
    std::error_code ignored; // making it says why
    if (fs::exists(folder, ignored) && !fs::is_directory(folder, ignored))
        throw Error(ErrorKind::usage, "--svg " + folder.string() + ": is a file, expected a folder");
}

void write_files(const Content& content, const fs::path& folder) {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure) throw Error(ErrorKind::output, folder.string() + ": cannot be made: " + failure.message());
    for (const Section& section : content.sections) {
        for (const Part& part : section.parts) {
            if (const auto* figure = std::get_if<Figure>(&part)) {
                write_file_atomically(folder / (figure->name + ".svg"), charts::svg_file(figure->drawing));
                write_file_atomically(folder / (figure->name + ".csv"), figure->csv);
            } else if (const auto* table = std::get_if<Table>(&part); table != nullptr && !table->csv.empty()) {
                write_file_atomically(folder / (table->name + ".csv"), table->csv);
            } else if (const auto* sheet = std::get_if<Sheet>(&part)) {
                write_file_atomically(folder / (sheet->name + ".csv"), sheet->csv);
            }
        }
    }
}

} // namespace openset::report
