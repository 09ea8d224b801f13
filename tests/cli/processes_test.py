# Goal: of many processes that run under one key each runs alone. Method: each appends a line when it
# begins and one when it ends; nobody else's line may stand between them.
from support import CliTest, main

PROCESSES = 20


class Processes(CliTest):
    def test_run_one_after_another(self):
        script = "echo $$ >>log; sleep 0.0$(($$ % 10)); echo $$ >>log"
        all_of_them = [self.start("run", self.key, "--", "sh", "-c", script)
                       for _ in range(PROCESSES)]
        for process in all_of_them:
            self.assertEqual(self.finish(process), (0, ""))
        lines = self.lines("log")
        self.assertEqual(lines[0::2], lines[1::2])
        self.assertEqual(len(set(lines)), PROCESSES)


if __name__ == "__main__":
    main()
