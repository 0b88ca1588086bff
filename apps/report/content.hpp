#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "charts/chart.hpp"

/// What a report holds, before it is a page: words, numbers as text, charts and pictures. All text is plain, what is written
/// of it is escaped by who writes it.
namespace openset::report {

struct Figure {
    std::string name; ///< of its files, without ending: roc
    std::string title, caption;
    charts::Drawing drawing;
    std::string csv;
    bool wide = false; ///< takes the page's whole width
};

struct Table {
    std::string name, title, caption;
    std::vector<std::string> head;              ///< the first column is text, the others numbers
    std::vector<std::vector<std::string>> rows; ///< as long as the head
    std::string csv;                            ///< empty: another table has its numbers
    std::vector<std::string> hints{};           ///< [rows] words behind the last cell; or empty
};

struct Tile {
    std::string path;
    std::string jpeg;    ///< empty: it could not be shown
    std::string missing; ///< why
    std::vector<std::string> lines;
};

/// A contact sheet.
struct Sheet {
    std::string name, title, caption;
    std::vector<Tile> tiles;
    std::string csv; ///< of its pictures, and of all further ones that are of its kind, in its order
};

using Part = std::variant<Figure, Table, Sheet>;

struct Section {
    std::string id, title;
    std::vector<std::string> words;
    std::vector<Part> parts;
};

/// A number that stands large at the top.
struct Fact {
    std::string value, label, note;
};

struct Content {
    std::string title;
    std::vector<std::string> summary;
    std::vector<Fact> facts;
    std::vector<Section> sections;
    std::vector<std::pair<std::string, std::string>> left_out;  ///< what is missing, and what would bring it
    std::vector<std::pair<std::string, std::string>> made_from; ///< what, and which
};

/// The part's name, as its files have it.
const std::string& name_of(const Part& part);

/// `1,234`.
std::string grouped(std::int64_t count);
/// `93.5 %`, which no line breaks.
std::string percent(double share);
/// `1 picture`, `200 pictures`.
std::string pictures(std::int64_t count);

} // namespace openset::report
