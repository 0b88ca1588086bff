// What a client sends to openset serve: the request's line, header fields, query and form.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <httplib.h>

#include "openset/io/row.hpp"
#include "serve/prediction.hpp"
#include "serve/upload.hpp"

namespace {

using namespace openset;

constexpr std::size_t most_bytes = 1000;

class Sent final : public httplib::Stream {
public:
    Sent(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
    bool is_readable() const override { return left_ > 0; }
    bool is_writable() const override { return true; }
    ssize_t read(char* to, size_t size) override {
        const std::size_t count = std::min(size, left_);
        if (count > 0) std::memcpy(to, data_, count);
        data_ += count;
        left_ -= count;
        return static_cast<ssize_t>(count);
    }
    ssize_t write(const char*, size_t size) override { return static_cast<ssize_t>(size); }
    void get_remote_ip_and_port(std::string&, int&) const override {}
    void get_local_ip_and_port(std::string&, int&) const override {}
    socket_t socket() const override { return 0; }

private:
    const std::uint8_t* data_;
    std::size_t left_;
};

class Server final : public httplib::Server {
public:
    Server() {
        set_payload_max_length(most_bytes + serve::form_bytes);
        Post("/prediction/",
             [](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& body) {
                 try {
                     const serve::Question question = serve::read_question(request);
                     const serve::Upload upload = serve::read_upload(request, body, most_bytes);
                     if (upload.bytes.size() > most_bytes) __builtin_trap();
                     io::Row row;
                     row.path = upload.filename;
                     row.failure = {"corrupt", question.model_name};
                     response.set_content(serve::failure_to_json(row), "application/json");
                 } catch (const serve::Refusal& refusal) {
                     response.status = refusal.status;
                     response.set_content(serve::error_json(refusal.detail), "application/json");
                 }
             });
    }
    void receive(httplib::Stream& stream) {
        bool closed = false;
        process_request(stream, true, closed, serve::keep_to_ourselves);
    }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Server server;
    Sent sent(data, size);
    server.receive(sent);
    return 0;
}
