# What the tests of lost locks stand on: a redis-server for each, to be killed, and a command.
from support import CliTest, Server


class LossTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.server = None

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        super().setUp()

    def start_command(self, script, *options):
        process = self.start("run", *options, self.key, "--", "bash", "-c",
                             f"{script}\necho started >>log; until [ -e end ]; do sleep 0.01; done")
        self.await_line("log", "started")
        return process

    def assert_lost(self, process, *texts):
        code, said = self.finish(process)
        self.assertEqual(code, 79, said)
        for text in texts:
            self.assertIn(text, said)
        return said
