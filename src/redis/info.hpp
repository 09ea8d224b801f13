// What a server's INFO gives cause to say about it. Text in, findings out, without a socket.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <leaselock/finding.hpp>

namespace leaselock::redis {

// `info` is from elsewhere: what is missing in it, or makes no sense, is a finding too.
// So many replicas are waited for.
void judge_info(std::string_view info, int wait_replicas, std::vector<Finding>& findings);

}  // namespace leaselock::redis
