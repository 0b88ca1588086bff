#include "serve/api.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "serve/page.hpp"
#include "serve/prediction.hpp"
#include "serve/upload.hpp"

namespace openset::serve {
namespace {

constexpr const char* json = "application/json";

/// The page has no other place to talk to than this server, and runs nothing but what it brings.
const httplib::Headers security_headers = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

/// Takes as long for every wrong token of the length.
bool same(const std::string& a, const std::string& b) {
    if (a.size() != b.size()) return false;
    unsigned int difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
    return difference == 0;
}

/// The host of a Host header or an origin, without its port and brackets.
std::string host_of(std::string address) {
    if (const auto scheme = address.find("://"); scheme != std::string::npos) address.erase(0, scheme + 3);
    if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
    return address.substr(0, address.find(':'));
}

/// One of the predictions in flight.
class Place {
public:
    Place(std::atomic<int>& taken, int most) : taken_(taken), free_(++taken <= most) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { --taken_; }
    explicit operator bool() const { return free_; }

private:
    std::atomic<int>& taken_;
    bool free_;
};

void answer(httplib::Response& response, const Refusal& refusal) {
    response.status = refusal.status;
    response.set_content(error_json(refusal.detail), json);
}

bool needs_no_token(const std::string& path) {
    return path == "/" || path == "/page.js" || path == "/page.css" || path == "/healthz" || path == "/docs" ||
           path == "/docs.js" || path == "/openapi.json";
}

/// A request that was refused before its body was read ends the connection: whoever asks must not send the next one there.
void announce_end(httplib::Response& response) { response.set_header("Connection", "close"); }

} // namespace

/// Throws Refusal for requests that nobody is to handle, before their body is read.
void Api::check(const httplib::Request& request) const {
    const bool post = request.method == "POST";
    if (!post && request.method != "GET" && request.method != "HEAD") throw Refusal{405, "expected GET or POST"};
    if (post && request.path != "/prediction/" && request.path != "/prediction")
        throw Refusal{404, "nothing to post to; see /docs"};
    if (request.has_header("Content-Encoding") && request.get_header_value("Content-Encoding") != "identity")
        throw Refusal{415, "expected a body that is not compressed"};
    if (post || request.has_header("Transfer-Encoding")) announced_length(request);
    if (options_.token.empty()) {
        // A page of another site that a browser here shows, or a name that was made to lead here, must not use the server.
        if (!is_loopback(host_of(request.get_header_value("Host"))))
            throw Refusal{403, "expected to be called localhost, 127.0.0.1 or [::1]"};
        if (request.has_header("Origin") && !is_loopback(host_of(request.get_header_value("Origin"))))
            throw Refusal{403, "another site's page"};
    } else if (!needs_no_token(request.path) &&
               !same(request.get_header_value("Authorization"), "Bearer " + options_.token)) {
        throw Refusal{401, "expected the header Authorization: Bearer TOKEN"};
    }
}

void Api::install(httplib::Server& server) {
    server.set_default_headers(security_headers);
    server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
        try {
            check(request);
            return httplib::Server::HandlerResponse::Unhandled;
        } catch (const Refusal& refusal) {
            answer(response, refusal);
            if (request.method == "POST") announce_end(response);
            if (refusal.status == 401) response.set_header("WWW-Authenticate", "Bearer");
            return httplib::Server::HandlerResponse::Handled;
        }
    });
    for (const char* path : {"/prediction/", "/prediction"}) {
        server.Post(path, [this](const httplib::Request& request, httplib::Response& response,
                                 const httplib::ContentReader& body) {
            try {
                predict(request, response, body);
            } catch (const Refusal& refusal) {
                if (refusal.status < 500) announce_end(response);
                answer(response, refusal);
            } catch (const std::exception& error) { // its text may name files: it is for the log
                log_error(std::string("a prediction failed: ") + error.what());
                answer(response, {500, "internal error; the server's log says more"});
            }
        });
    }
    const auto fixed = [&server](const char* path, const char* type, std::function<std::string()> content) {
        server.Get(path, [type, content = std::move(content)](const httplib::Request&, httplib::Response& response) {
            response.set_content(content(), type);
        });
    };
    fixed("/", "text/html; charset=utf-8", [] { return std::string(page::html); });
    fixed("/page.js", "text/javascript; charset=utf-8", [] { return std::string(page::script); });
    fixed("/page.css", "text/css; charset=utf-8", [] { return std::string(page::style); });
    fixed("/docs", "text/html; charset=utf-8", [] { return std::string(page::docs_html); });
    fixed("/docs.js", "text/javascript; charset=utf-8", [] { return std::string(page::docs_script); });
    fixed("/openapi.json", json, [] { return std::string(page::openapi); });
    fixed("/list_model_names/", json, [this] { return model_list(); });
    fixed("/list_model_names", json, [this] { return model_list(); });
    fixed("/metrics", "text/plain; version=0.0.4; charset=utf-8",
          [this] { return metrics_.text(in_flight_, pipelines_.reloads()); });
    server.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
        const bool alive = pipelines_.alive();
        response.status = alive ? 200 : 503;
        response.set_content(alive ? R"({"status": "ok"})" : R"({"status": "a pipeline has ended"})", json);
    });
    server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
        if (!response.body.empty()) return;
        response.set_content(error_json(response.status == 404   ? "nothing here; see /docs"
                                        : response.status == 413 ? "the request is too large"
                                                                 : "the request was not understood"),
                             json);
    });
    server.set_exception_handler([](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
        answer(response, {500, "internal error; the server's log says more"});
    });
    server.set_logger([this](const httplib::Request& request, const httplib::Response& response) {
        metrics_.add_response(response.status);
        log_info(printable(request.remote_addr + " " + request.method + " " + request.path) + " " +
                 std::to_string(response.status));
    });
}

std::string Api::model_list() const {
    nlohmann::json names = nlohmann::json::array();
    for (const auto& pipeline : pipelines_.all()) names.push_back(pipeline->name());
    return names.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Api::predict(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& body) {
    using Clock = flow::PictureService::Clock;
    const Question question = read_question(request);
    const auto pipeline = pipelines_.find(question.model_name);
    if (!pipeline) throw Refusal{404, "model_name: there is no such model; /list_model_names/ has them"};
    const Place place(in_flight_, options_.max_in_flight);
    if (!place) {
        response.set_header("Retry-After", "1");
        throw Refusal{429, "too many predictions at a time; try again"};
    }
    Upload upload = read_upload(request, body, static_cast<std::size_t>(options_.max_body));
    const auto start = Clock::now();
    auto row =
        pipeline->service(question.open_set)
            .ask(upload.filename, std::move(upload.bytes),
                 start + std::min<Clock::duration>(std::chrono::milliseconds(options_.latency_budget),
                                                   std::chrono::seconds(options_.timeout)));
    if (row.wait_for(std::chrono::seconds(options_.timeout)) != std::future_status::ready)
        throw Refusal{504, "the picture took too long"};
    const auto found = row.get();
    if (!found) {
        response.set_header("Retry-After", "1");
        throw Refusal{503, "the picture's turn did not come in time; try again"};
    }
    metrics_.add_prediction(pipeline->name(), *found, Clock::now() - start);
    if (found->failure) {
        response.status = status_of(*found->failure);
        return response.set_content(failure_to_json(*found), json);
    }
    response.set_content(to_json(*found, pipeline->rules(question.open_set), upload.filename, upload.content_type),
                         json);
}

} // namespace openset::serve
