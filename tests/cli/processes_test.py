# Goal: of many processes that run under one key each runs alone. Method: each appends a line when it
# begins and one when it ends; nobody else's line may stand between them.
from support import CliTest, main

PROCESSES = 20


class Processes(CliTest):
    def test_run_one_after_another(self):
        self.assert_run_in_turn(PROCESSES)


if __name__ == "__main__":
    main()
