#include "report/page.hpp"

#include "openset/io/text_encoding.hpp"

namespace openset::report {
namespace {

using charts::escaped;

constexpr std::string_view first_line = "<!DOCTYPE html><!-- openset report -->\n";

constexpr const char* style = R"(
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
:root{--page:#f7f6f3;--line:#dedcd5;--accent:#0072B2;color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{--page:#141518;--line:#33363d;--accent:#56A9E0}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
main,header,footer{max-width:70rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:3rem}
h1{font-size:clamp(1.7rem,5vw,2.5rem);line-height:1.15;letter-spacing:-.02em;margin:.2rem 0 1rem;font-weight:650;overflow-wrap:anywhere}
h2{font-size:1.35rem;letter-spacing:-.01em;margin:3.2rem 0 .4rem;font-weight:650;padding-top:1.2rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:0 0 .15rem;font-weight:600}
p{margin:.5rem 0;max-width:44rem}
.kind{color:var(--muted);font-size:.8rem;letter-spacing:.09em;text-transform:uppercase;margin:0}
.summary p{font-size:1.08rem}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:1.4rem 0 0;font-size:.92rem}
a{color:var(--accent);text-decoration:none}a:hover,a:focus{text-decoration:underline}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1px;background:var(--line);border:1px solid var(--line);border-radius:.7rem;overflow:hidden;margin:1.6rem 0 0;padding:0}
.facts div{background:var(--ground);padding:.9rem 1rem}
.facts dt{color:var(--muted);font-size:.82rem;line-height:1.3}
.facts dd{margin:0}.facts .value{font-size:1.65rem;font-weight:650;letter-spacing:-.02em;line-height:1.25}
.facts .note{color:var(--muted);font-size:.78rem;line-height:1.3}
.parts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1.1rem;margin-top:1.1rem}
figure{margin:0;background:var(--ground);border:1px solid var(--line);border-radius:.7rem;padding:1rem 1.1rem 1.1rem;min-width:0;break-inside:avoid;display:flex;flex-direction:column}
figure.wide{grid-column:1/-1}
figure>p{font-size:.87rem;line-height:1.45;color:var(--muted);margin:0 0 .9rem}
figure .os{max-width:31rem}
figure.wide .os{max-width:44rem}
.csv{font-size:.78rem;margin:auto 0 0;padding-top:.7rem;align-self:flex-end}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.87rem;width:100%}
th,td{padding:.32rem .7rem .32rem 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--muted);vertical-align:bottom;white-space:normal}
th:first-child,td:first-child{text-align:left}
tr:last-child td{border-bottom:0}
td.hint{color:var(--muted);text-align:left;white-space:normal;min-width:15rem;padding-left:.6rem;font-size:.8rem;line-height:1.3}
td:first-child{overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.4rem,1fr));gap:1rem .8rem;margin:0;padding:0;list-style:none}
.tiles li{min-width:0;font-size:.78rem;line-height:1.35;break-inside:avoid}
.tiles img,.tiles .missing{width:100%;aspect-ratio:1;object-fit:cover;border-radius:.4rem;display:block;margin-bottom:.35rem;background:var(--grid)}
.tiles .missing{display:flex;align-items:center;justify-content:center;text-align:center;color:var(--muted);padding:.5rem;overflow:hidden;overflow-wrap:anywhere}
.tiles span{display:block;overflow-wrap:anywhere}
.tiles span:first-of-type{font-weight:600}
.tiles .path{color:var(--muted);font-size:.7rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
dl.list{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.4rem 1.4rem;font-size:.9rem;margin:.8rem 0}
dl.list dt{font-weight:600}dl.list dd{margin:0;color:var(--muted);overflow-wrap:anywhere}
footer{color:var(--muted);font-size:.82rem;padding-top:2rem;padding-bottom:3rem}
@media(max-width:32rem){body{font-size:15px}header{padding-top:1.6rem}main,header,footer{padding-left:.9rem;padding-right:.9rem}figure{padding:.8rem .65rem}figure.wide .os{min-width:30rem}dl.list{grid-template-columns:1fr;gap:0}dl.list dd{margin-bottom:.6rem}.facts{grid-template-columns:1fr 1fr}.tiles{grid-template-columns:repeat(3,1fr);gap:.8rem .6rem}}
@media print{@page{margin:14mm}body{background:#fff;font-size:10.5pt}nav,.csv{display:none}h2{break-after:avoid;margin-top:1.6rem}header{padding-top:0}.parts{grid-template-columns:1fr 1fr;gap:4mm}figure{border-color:#ccc;padding:3mm}figure.wide .os{max-width:130mm}table{font-size:7.5pt}.scroll{overflow:visible}th,td{padding:.2rem .45rem .2rem 0}td.hint{min-width:0;padding-left:.2rem;font-size:6.5pt}td:first-child{overflow-wrap:normal}.tiles{grid-template-columns:repeat(6,1fr)}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)";

std::string element(const std::string& tag, const std::string& text, const std::string& attributes = "") {
    return "<" + tag + (attributes.empty() ? "" : " " + attributes) + ">" + escaped(text) + "</" + tag + ">\n";
}

/// The same, with places to break at after low lines: labels are long.
std::string breakable(const std::string& text) {
    std::string html;
    for (const char c : escaped(text)) {
        html += c;
        if (c == '_') html += "<wbr>";
    }
    return html;
}

std::string paragraphs(const std::vector<std::string>& words) {
    std::string html;
    for (const std::string& sentence : words) html += element("p", sentence);
    return html;
}

constexpr std::size_t most_bytes = 2'900'000; ///< of a page, as far as it lies with the numbers that it carries

/// Bytes that numbers may still take. What does not fit is left to --svg, and the page says so.
using Room = std::size_t;

std::string csv_link(const std::string& name, const std::string& csv, Room& room) {
    constexpr std::size_t most = 200'000; // of one figure, so that none takes all
    if (csv.empty()) return "";
    const std::size_t bytes = (csv.size() + 2) / 3 * 4; // in base64
    if (csv.size() <= most && bytes <= room) {
        room -= bytes;
        return "<a class=\"csv\" download=\"" + escaped(name) + ".csv\" href=\"data:text/csv;base64," +
               io::base64(csv) + "\">numbers as CSV</a>\n";
    }
    return element("span", "too many numbers for the page: --svg writes " + name + ".csv", "class=\"csv\"");
}

std::string opening(const std::string& name, const std::string& title, const std::string& caption, bool wide) {
    return "<figure id=\"" + escaped(name) + "\"" + (wide ? " class=\"wide\"" : "") + ">\n" + element("h3", title) +
           (caption.empty() ? "" : element("p", caption));
}

std::string html(const Figure& figure, Room& room) {
    const std::string chart = charts::svg_element(figure.drawing);
    return opening(figure.name, figure.title, figure.caption, figure.wide) +
           (figure.wide ? "<div class=\"scroll\">" + chart + "</div>\n" : chart) +
           csv_link(figure.name, figure.csv, room) + "</figure>\n";
}

std::string html(const Table& table, Room& room) {
    std::string text =
        opening(table.name, table.title, table.caption, true) + "<div class=\"scroll\"><table><thead><tr>";
    for (const std::string& name : table.head) text += "<th scope=\"col\">" + escaped(name) + "</th>";
    if (!table.hints.empty()) text += "<th></th>";
    text += "</tr></thead><tbody>\n";
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        text += "<tr>";
        for (std::size_t column = 0; column < table.rows[row].size(); ++column) {
            text += "<td>" + breakable(table.rows[row][column]) + "</td>";
        }
        if (!table.hints.empty()) text += "<td class=\"hint\">" + escaped(table.hints[row]) + "</td>";
        text += "</tr>\n";
    }
    return text + "</tbody></table></div>\n" + csv_link(table.name, table.csv, room) + "</figure>\n";
}

std::string html(const Tile& tile) {
    std::string text = "<li title=\"" + escaped(tile.path) + "\">";
    if (tile.jpeg.empty()) {
        text += "<div class=\"missing\">" + escaped(tile.missing) + "</div>";
    } else {
        text += "<img alt=\"" + escaped(tile.lines.empty() ? tile.path : tile.lines.front()) +
                "\" src=\"data:image/jpeg;base64," + io::base64(tile.jpeg) + "\">";
    }
    for (const std::string& line : tile.lines) text += "<span>" + breakable(line) + "</span>";
    return text + "<span class=\"path\">" + escaped(tile.path.substr(tile.path.rfind('/') + 1)) + "</span></li>\n";
}

std::string html(const Sheet& sheet, Room& room) {
    std::string text = opening(sheet.name, sheet.title, sheet.caption, true) + "<ul class=\"tiles\">\n";
    for (const Tile& tile : sheet.tiles) text += html(tile);
    return text + "</ul>" + csv_link(sheet.name, sheet.csv, room) + "</figure>\n";
}

std::string html(const Section& section, Room& room) {
    std::string text = "<section id=\"" + escaped(section.id) + "\">\n" + element("h2", section.title) +
                       paragraphs(section.words) + "<div class=\"parts\">\n";
    for (const Part& part : section.parts) text += std::visit([&](const auto& one) { return html(one, room); }, part);
    return text + "</div></section>\n";
}

std::string list(const std::string& id, const std::string& title,
                 const std::vector<std::pair<std::string, std::string>>& entries) {
    if (entries.empty()) return "";
    std::string text = "<section id=\"" + id + "\">\n" + element("h2", title) + "<dl class=\"list\">\n";
    for (const auto& [name, words] : entries) text += element("dt", name) + element("dd", words);
    return text + "</dl></section>\n";
}

std::string facts(const std::vector<Fact>& all) {
    if (all.empty()) return "";
    std::string text = "<dl class=\"facts\">\n";
    for (const Fact& fact : all) {
        text += "<div>" + element("dt", fact.label) + element("dd", fact.value, "class=\"value\"") +
                element("dd", fact.note, "class=\"note\"") + "</div>\n";
    }
    return text + "</dl>\n";
}

std::string contents(const Content& content) {
    std::string text = "<nav aria-label=\"Sections\">\n";
    for (const Section& section : content.sections)
        text += element("a", section.title, "href=\"#" + escaped(section.id) + "\"");
    if (!content.left_out.empty()) text += element("a", "What is not shown", "href=\"#left-out\"");
    return text + element("a", "What this was made from", "href=\"#made-from\"") + "</nav>\n";
}

std::string written(const Content& content, Room room) {
    std::string text(first_line);
    text += "<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,"
            "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" "
            "href=\"data:,\">\n" +
            element("title", content.title) + "<style>" + charts::page_style() + style +
            "</style></head><body>\n<header>\n" + element("p", "openset report", "class=\"kind\"") +
            element("h1", content.title) + "<div class=\"summary\">" + paragraphs(content.summary) + "</div>\n" +
            facts(content.facts) + contents(content) + "</header>\n<main>\n";
    for (const Section& section : content.sections) text += html(section, room);
    text += list("left-out", "What is not shown, and what would bring it", content.left_out) +
            list("made-from", "What this was made from", content.made_from);
    return text +
           "</main>\n<footer>Colours are told apart with any colour vision; lines and bars differ in their dashes "
           "too, dots in their shapes. The page needs no network and runs no script.</footer>\n</body></html>\n";
}

} // namespace

std::string page(const Content& content) {
    const std::size_t bare = written(content, 0).size();
    return written(content, bare < most_bytes ? most_bytes - bare : 0);
}

bool begins_like_page(std::string_view head) { return head.starts_with(first_line.substr(0, 36)); }

} // namespace openset::report
