// Metrics of locks among those of the program, by the exposer of prometheus-cpp.
#include <memory>
#include <prometheus/exposer.h>

#include <leaselock/leaselock.hpp>
#include <leaselock/prometheus.hpp>

int main() {
    leaselock::LockManager locks;
    const auto collector = std::make_shared<leaselock::PrometheusCollector>(locks, "orders");
    prometheus::Exposer exposer{"127.0.0.1:0"};  // a free port; in a program "0.0.0.0:9464", say
    exposer.RegisterCollectable(collector);      // keeps no owner: `collector` has to live

    locks.acquire("stock-7").value().release();
    return exposer.GetListeningPorts().size() == 1 && !collector->Collect().empty() ? 0 : 1;
}
