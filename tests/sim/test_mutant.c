/* A simulation with one thing wrong on purpose (mutants/): the referee must find it by its rule.
 * test_mutant RULE: passes when invariant RULE was found broken. */
#include <stdio.h>
#include <stdlib.h>

#include "simulation.h"

static uint64_t broken_rules(struct simulation *s, const struct sim_scenario *c)
{
    return simulation_run(s, c).broken_rules;
}

int main(int argc, char **argv)
{
    struct simulation *s = simulation_new();
    unsigned rule = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    uint64_t found = 0;

    for (int shape = 0; shape < SHAPES; shape++) {
        for (unsigned bad = 0; bad <= SIM_DEVICES && !(found >> rule & 1); bad++) {
            struct sim_scenario c = { .shape = (enum sim_shape)shape, .is_repeated = true };

            if (bad < SIM_DEVICES) {
                c.fates[bad] = NODE_HANGS;
            }
            found |= broken_rules(s, &c);
            c.is_worn = true;
            found |= broken_rules(s, &c);
            c.is_worn = false;
            c.faults[c.fault_count++] = (struct sim_fault){ SIM_CUT, 60, 1, 0 };
            c.faults[c.fault_count++] = (struct sim_fault){ SIM_KILL_CORE, 100, 0, 0 };
            found |= broken_rules(s, &c);
        }
    }
    printf("I%u %s\n", rule, found >> rule & 1 ? "found" : "NOT FOUND");
    simulation_free(s);
    return !(found >> rule & 1);
}
