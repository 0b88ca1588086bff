#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "openset/flow/picture_service.hpp"
#include "serve/http_server.hpp"
#include "serve/metrics.hpp"
#include "serve/options.hpp"
#include "serve/pipelines.hpp"

namespace openset::serve {

/// What the server answers, path by path.
class Api {
public:
    Api(const Options& options, const Pipelines& pipelines) : options_(options), pipelines_(pipelines) {}

    /// The Api must outlive the server.
    void install(httplib::Server& server);

private:
    void check(const httplib::Request& request) const;
    void predict(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& body);
    std::string model_list() const;

    const Options& options_;
    const Pipelines& pipelines_;
    Metrics metrics_;
    std::atomic<int> in_flight_{0};
};

} // namespace openset::serve
