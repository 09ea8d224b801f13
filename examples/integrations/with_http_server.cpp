// A server by cpp-httplib: a lock for each order, errors as 409, 503 and 500, metrics, and a check
// that says whether the server is ready.
#include <httplib.h>
#include <sstream>
#include <string>
#include <thread>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

// What an error is in HTTP. Nothing was done where it is 409 or 503.
int status_of(const leaselock::Error& error) {
    if (error.code() == leaselock::Family::contended) return 409;
    if (error.code() == leaselock::Family::unavailable) return 503;
    if (error.code() == leaselock::Family::unknown) return 503;
    return 500;
}

void serve(httplib::Server& server, leaselock::LockManager& locks) {
    server.Post(
        "/orders/(.*)/pay", [&](const httplib::Request& request, httplib::Response& response) {
            const std::string order = request.matches[1];
            try {
                auto lock = LEASELOCK_GUARD(locks, "pay-{{order}}", {.wait_timeout = 100ms}, order);
                response.set_content("paid " + order + '\n', "text/plain");
            } catch (const leaselock::Error& error) {
                response.status = status_of(error);
                response.set_content(std::string{error.what()} + '\n', "text/plain");
            }
        });
    server.Get("/metrics", [&](const httplib::Request&, httplib::Response& response) {
        std::ostringstream text;
        locks.write_metrics(text);
        response.set_content(text.str(), "text/plain; version=0.0.4");
    });
    server.Get("/ready", [&](const httplib::Request&, httplib::Response& response) {
        std::error_code why;
        for (const leaselock::Finding& finding : locks.check({}, why)) {
            response.body += finding.subject + ": " + finding.found + '\n';
        }
        response.status = why ? 503 : 200;
    });
}

int main() {
    leaselock::LockManager locks;
    httplib::Server server;
    serve(server, locks);
    const int port = server.bind_to_any_port("127.0.0.1");
    std::jthread serving{[&] { server.listen_after_bind(); }};

    httplib::Client client{"127.0.0.1", port};
    const auto paid = client.Post("/orders/7/pay");
    auto other = locks.acquire("pay-8").value();
    const auto contended = client.Post("/orders/8/pay");
    const auto ready = client.Get("/ready");
    const auto metrics = client.Get("/metrics");
    const bool right = paid && paid->status == 200 && contended && contended->status == 409 &&
                       ready && ready->status == 200 && metrics &&
                       metrics->body.find("leaselock_acquisitions_total") != std::string::npos;
    server.stop();
    return right ? 0 : 1;
}
