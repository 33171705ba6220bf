#include "router.h"
#include "uart.h"

int main(int argc, char **argv)
{
    return router_main(&uart_router_ops, argc, argv);
}
