"""A recipe for Conan 2 that packs the checkout it lies in: conan create cmake/packaging/conan"""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class LeaselockConan(ConanFile):
    name = "leaselock"
    description = "Distributed locks for C++20"
    license = "Apache-2.0"
    topics = ("lock", "distributed", "redis")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    # with_testing: leaselock::testing, whose headers need GoogleTest. with_tools: the command leaselock.
    options = {
        "shared": [True, False],
        "fPIC": [True, False],
        "with_hazelcast": [True, False],
        "with_redis": [True, False],
        "with_tls": [True, False],
        "with_testing": [True, False],
        "with_tools": [True, False],
    }
    default_options = {
        "shared": False,
        "fPIC": True,
        "with_hazelcast": False,
        "with_redis": True,
        "with_tls": True,
        "with_testing": False,
        "with_tools": False,
    }
    implements = ["auto_shared_fpic"]

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    @property
    def _tls(self):
        servers = self.options.with_redis or self.options.with_hazelcast
        return bool(servers and self.options.with_tls)

    def set_version(self):
        header = load(self, os.path.join(self._checkout, "include", "leaselock", "version.hpp"))
        numbers = re.findall(r"#define LEASELOCK_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
        self.version = ".".join(numbers)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "completions/*", "include/*", "man/*", "src/*"):
            copy(self, pattern, self._checkout, self.export_sources_folder)

    def requirements(self):
        self.requires("fmt/[>=9]", transitive_headers=True)
        if self.options.with_redis:
            self.requires("hiredis/[>=1.0 <2]")
        if self._tls:
            self.requires("openssl/[>=1.1.1 <4]")
        if self.options.with_testing:
            self.requires("gtest/[>=1.12 <2]", transitive_headers=True)

        if self.options.with_tools:
            self.requires("cli11/[>=2.1 <3]")
            self.requires("ncurses/[>=6 <7]")

    def validate(self):
        check_min_cppstd(self, 20)
        if self.options.with_tools and not self.options.with_redis:
            raise ConanInvalidConfiguration("the command needs with_redis=True")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["LEASELOCK_WITH_HAZELCAST"] = bool(self.options.with_hazelcast)
        toolchain.cache_variables["LEASELOCK_WITH_REDIS"] = bool(self.options.with_redis)
        toolchain.cache_variables["LEASELOCK_WITH_TLS"] = self._tls
        toolchain.cache_variables["LEASELOCK_BUILD_TESTS"] = False
        toolchain.cache_variables["LEASELOCK_BUILD_EXAMPLES"] = False
        toolchain.cache_variables["LEASELOCK_BUILD_TOOLS"] = bool(self.options.with_tools)
        # A piece for each room: a third of the time.
        toolchain.cache_variables["CMAKE_UNITY_BUILD"] = True
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        # Conan writes both for whoever uses the package.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "share", "doc"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "leaselock")
        self._add_component("leaselock", "leaselock", ["leaselock"], ["fmt::fmt"])
        self.cpp_info.components["leaselock"].system_libs = ["pthread"]
        if self.options.with_tools:
            self._add_component("tools", "leaselock-tools", [], ["leaselock", "cli11::cli11", "ncurses::ncurses"])
        tls = ["openssl::ssl"] if self._tls else []
        if self.options.with_hazelcast:
            self._add_component("hazelcast", "leaselock-hazelcast", ["leaselock_hazelcast"],
                                ["leaselock"] + tls)
        if self.options.with_redis:
            self._add_component("redis", "leaselock-redis", ["leaselock_redis"],
                                ["leaselock", "hiredis::hiredis"] + tls)
        if self.options.with_testing:
            self._add_component("testing", "leaselock-testing", [], ["leaselock", "gtest::gtest"])

    def _add_component(self, name, pkg_config_name, libs, requires):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", "leaselock::" + name)
        component.set_property("pkg_config_name", pkg_config_name)
        component.libs = libs
        component.requires = requires
