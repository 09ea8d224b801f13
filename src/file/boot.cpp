#include "file/boot.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <leaselock/error.hpp>

#include "file/descriptor.hpp"
#include "file/failure.hpp"

namespace leaselock::file {
namespace {

constexpr const char* source = "/proc/sys/kernel/random/boot_id";
constexpr std::size_t id_bytes = 36;

[[noreturn]] void fail(std::string_view why) {
    throw FileError(Errc::not_supported,
                    fmt::format("'{}' {}, and without it nobody knows which locks are of an "
                                "earlier boot: this process needs a whole /proc",
                                source, why));
}

BootId read_boot() {
    const Descriptor file{::open(source, O_RDONLY | O_CLOEXEC)};
    if (!file && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) fail("is not there");
    if (!file) raise("cannot open", source);
    BootId id{};
    const ssize_t size = ::read(file.get(), id.data(), id_bytes);
    if (size < 0) raise("cannot read", source);
    if (size != static_cast<ssize_t>(id_bytes)) fail("is cut off");
    return id;
}

}  // namespace

const BootId& boot_id() {
    static const BootId id = read_boot();
    return id;
}

}  // namespace leaselock::file
