/* Who may change something through the control socket. */
#include "control.h"

#include "check.h"

enum { OWN = 990, STRANGER = 1000 };

static void root_the_daemon_and_the_group_may_change_something(void)
{
    CHECK(control_may_change(&(struct vl_peer){ .uid = 0 }, OWN));
    CHECK(control_may_change(&(struct vl_peer){ .uid = OWN }, OWN));
    CHECK(control_may_change(&(struct vl_peer){ .uid = STRANGER, .in_group = true }, OWN));
}

static void nobody_else_may(void)
{
    CHECK(!control_may_change(&(struct vl_peer){ .uid = STRANGER }, OWN));
    CHECK(!control_may_change(&(struct vl_peer){ .uid = OWN + 1 }, OWN));
    CHECK(!control_may_change(&(struct vl_peer){ .uid = (uid_t)-1 }, OWN));
}

int main(void)
{
    TEST(root_the_daemon_and_the_group_may_change_something);
    TEST(nobody_else_may);
    return checks_failed != 0;
}
