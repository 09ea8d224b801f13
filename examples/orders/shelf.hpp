// Where the stock lies: a record for each product, read and written in two steps, as a database
// without transactions would have it. A shelf guards nothing: between a read and the write that
// follows another process may write, and what it wrote is lost. That is what the lock is for.
//
// Thread-safety: all calls from all threads at once; see above for what they are worth.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "orders/input.hpp"

namespace orders {

class Shelf {
  public:
    Shelf() = default;
    Shelf(const Shelf&) = delete;
    Shelf& operator=(const Shelf&) = delete;
    virtual ~Shelf() = default;

    [[nodiscard]] virtual std::int64_t read(std::size_t record) = 0;
    // With a fencing token (not 0), false if the record has seen the same or a younger one: then
    // the writer's lock is a thing of the past, and nothing is written.
    [[nodiscard]] virtual bool write(std::size_t record, std::int64_t units,
                                     std::uint64_t fencing_token) = 0;
};

// In memory. The tokens of its records are not kept.
class MemoryShelf final : public Shelf {
  public:
    explicit MemoryShelf(const std::vector<Product>& products);

    [[nodiscard]] std::int64_t read(std::size_t record) override {
        return units_[record].load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool write(std::size_t record, std::int64_t units, std::uint64_t) override {
        units_[record].store(units, std::memory_order_relaxed);
        return true;
    }

  private:
    std::vector<std::atomic<std::int64_t>> units_;
};

// In a file that several processes have open; a record is the units and the last fencing token, 16
// bytes. Throws std::system_error if the file cannot be read or written.
class FileShelf final : public Shelf {
  public:
    explicit FileShelf(const std::string& path);
    FileShelf(const FileShelf&) = delete;
    FileShelf& operator=(const FileShelf&) = delete;
    ~FileShelf() override;

    // Fills the file again.
    void stock(const std::vector<Product>& products);

    [[nodiscard]] std::int64_t read(std::size_t record) override { return load(record).units; }
    [[nodiscard]] bool write(std::size_t record, std::int64_t units,
                             std::uint64_t fencing_token) override;

  private:
    struct Record {
        std::int64_t units = 0;
        std::uint64_t fencing_token = 0;
    };
    [[nodiscard]] Record load(std::size_t record) const;
    void store(std::size_t record, const Record& value) const;

    int fd_;
};

}  // namespace orders
