// What the keys of `leaselock top` lead to.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/top_model.hpp"

namespace leaselock::cli {

class TopControls {
  public:
    enum class Reaction : std::uint8_t { nothing, draw, refresh, quit };

    // A byte of what was typed. What makes no sense does nothing.
    [[nodiscard]] Reaction press(char key);

    [[nodiscard]] const TopOrder& order() const noexcept { return order_; }
    // The filter that is being typed; nothing: none is.
    [[nodiscard]] const std::optional<std::string>& typed() const noexcept { return typed_; }

  private:
    Reaction type(char key);

    TopOrder order_{};
    std::optional<std::string> typed_{};
};

}  // namespace leaselock::cli
