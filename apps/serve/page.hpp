#pragma once

#include <string_view>

/// What the server shows in a browser; nothing of it comes from anywhere else.
namespace openset::serve::page {

extern const std::string_view html, script, style;    ///< of /: a picture in, the chain stage by stage
extern const std::string_view docs_html, docs_script; ///< of /docs: the next, readable
extern const std::string_view openapi;                ///< /openapi.json

} // namespace openset::serve::page
