#pragma once

#include <string>

#include "openset/base/byte_sink.hpp"

/// Keeps what it is given.
class TextSink : public openset::ByteSink {
public:
    void write(std::string_view bytes) override { text += bytes; }
    void flush() override {}
    void commit() override {}
    std::string text;
};
