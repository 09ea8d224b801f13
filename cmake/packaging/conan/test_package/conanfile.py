"""What `conan create` tries of the package: a program that is linked with it takes a lock, and the command, if it is
there, another one."""

import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, cmake_layout


class LeaselockTestConan(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "CMakeDeps", "CMakeToolchain"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def build(self):
        cmake = CMake(self)
        with_redis = self.dependencies["leaselock"].options.with_redis
        cmake.configure(variables={"WITH_REDIS": "ON" if with_redis else "OFF"})
        cmake.build()

    def test(self):
        if not can_run(self):
            return
        self.run(os.path.join(self.cpp.build.bindir, "test_package"), env="conanrun")
        package = self.dependencies["leaselock"]
        if package.options.with_tools:
            command = os.path.join(package.package_folder, "bin", "leaselock")
            self.run(f"{command} --config /dev/null run -n conan-test-package true", env="conanrun")
