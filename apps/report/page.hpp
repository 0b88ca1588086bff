#pragma once

#include "report/content.hpp"

namespace openset::report {

/// One HTML document that needs nothing else: styles, charts and pictures are in it, and there is no script. Numbers as CSV
/// are in it as long as the page stays below 3 MB.
std::string page(const Content& content);

/// Whether a file that begins so may be one of these.
bool begins_like_page(std::string_view head);

} // namespace openset::report
