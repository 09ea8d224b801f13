// A gRPC service whose calls wait for a lock and block no thread: the callback of async_acquire
// finishes the call. It takes any method, as a service without generated code does; in one with,
// the body of `start` is that of the method.
#include <future>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

// What an error is in gRPC. ABORTED and UNAVAILABLE: nothing was done, and the client may retry.
grpc::Status status_of(std::error_code why) {
    using leaselock::Family;
    if (why == Family::contended) return {grpc::StatusCode::ABORTED, why.message()};
    if (why == Family::refused) return {grpc::StatusCode::INTERNAL, why.message()};
    return {grpc::StatusCode::UNAVAILABLE, why.message()};
}

class Payment final : public grpc::ServerGenericBidiReactor {
  public:
    Payment(leaselock::LockManager& locks, std::string key) { start(locks, key); }
    void OnDone() override { delete this; }

  private:
    void start(leaselock::LockManager& locks, const std::string& key) {
        locks.async_acquire(key, {.wait_timeout = 100ms}, {},
                            [this](leaselock::Acquired<leaselock::ScopedDistributedLock> lock,
                                   std::error_code why) {
                                if (!lock) return Finish(status_of(why));
                                // The order is paid here, while `lock` lives.
                                StartWriteAndFinish(&response_, {}, grpc::Status::OK);
                            });
    }

    const grpc::Slice nothing_;
    grpc::ByteBuffer response_{&nothing_, 1};
};

class Payments final : public grpc::CallbackGenericService {
  public:
    explicit Payments(leaselock::LockManager& locks) : locks_{locks} {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* call) override {
        return new Payment{locks_, "pay" + call->method()};
    }

  private:
    leaselock::LockManager& locks_;
};

grpc::StatusCode ask(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
    grpc::GenericStub stub{channel};
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 30s);
    const grpc::Slice nothing;
    grpc::ByteBuffer request{&nothing, 1}, response;
    std::promise<grpc::StatusCode> code;
    stub.UnaryCall(&context, method, {}, &request, &response,
                   [&](const grpc::Status& status) { code.set_value(status.error_code()); });
    return code.get_future().get();
}

int main() {
    leaselock::LockManager locks;
    Payments payments{locks};
    int port = 0;
    const auto server =
        grpc::ServerBuilder{}
            .AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port)
            .RegisterCallbackGenericService(&payments)
            .BuildAndStart();
    const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                             grpc::InsecureChannelCredentials());
    auto other = locks.acquire("pay/shop.Payments/Order8").value();
    const grpc::StatusCode contended = ask(channel, "/shop.Payments/Order8");
    other.release();
    const grpc::StatusCode paid = ask(channel, "/shop.Payments/Order8");
    server->Shutdown();
    return contended == grpc::StatusCode::ABORTED && paid == grpc::StatusCode::OK ? 0 : 1;
}
