#include "orders/shelf.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace orders {
namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

MemoryShelf::MemoryShelf(const std::vector<Product>& products) : units_(products.size()) {
    for (std::size_t i = 0; i < products.size(); ++i) {
        units_[i].store(products[i].stock, std::memory_order_relaxed);
    }
}

FileShelf::FileShelf(const std::string& path) : fd_{::open(path.c_str(), O_RDWR | O_CLOEXEC)} {
    if (fd_ < 0) fail("cannot open " + path);
}

FileShelf::~FileShelf() { ::close(fd_); }

void FileShelf::stock(const std::vector<Product>& products) {
    for (std::size_t i = 0; i < products.size(); ++i) store(i, {.units = products[i].stock});
}

bool FileShelf::write(std::size_t record, std::int64_t units, std::uint64_t fencing_token) {
    if (fencing_token != 0 && load(record).fencing_token >= fencing_token) return false;
    store(record, {.units = units, .fencing_token = fencing_token});
    return true;
}

FileShelf::Record FileShelf::load(std::size_t record) const {
    Record value;
    const auto offset = static_cast<off_t>(record * sizeof value);
    if (::pread(fd_, &value, sizeof value, offset) != sizeof value) fail("cannot read the stock");
    return value;
}

void FileShelf::store(std::size_t record, const Record& value) const {
    const auto offset = static_cast<off_t>(record * sizeof value);
    if (::pwrite(fd_, &value, sizeof value, offset) != sizeof value) fail("cannot write the stock");
}

}  // namespace orders
