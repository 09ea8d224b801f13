# Makes the input of the demo, always the same one:
#   awk -v what=orders -f make_orders.awk >orders.csv
#   awk -v what=stock -f make_orders.awk >stock.csv
#
# 12000 orders over 200 products. Which product an order is for follows Zipf's law: the first by rank
# has a sixth of all orders, the last a few. Of the 40 hottest, every second has stock for 60 % of what
# is asked for, and sells out; all others have 30 % more than that.

# The generator of Lehmer with Park and Miller's numbers. awk's own rand() differs from awk to awk;
# this one needs whole numbers below 2^53 only.
function random(below) {
    state = (state * 48271) % 2147483647
    return int(below * (state / 2147483647))
}

# Which product is how popular shall not be seen from its number.
function shuffle_products(    rank, other, swap) {
    for (rank = 1; rank <= products; ++rank) product[rank] = rank
    for (rank = products; rank > 1; --rank) {
        other = 1 + random(rank)
        swap = product[rank]
        product[rank] = product[other]
        product[other] = swap
    }
}

function draw_rank(    point, low, high, middle) {
    point = random(1000000) / 1000000 * weight[products]
    low = 1
    high = products
    while (low < high) {
        middle = int((low + high) / 2)
        if (weight[middle] > point) high = middle
        else low = middle + 1
    }
    return low
}

BEGIN {
    state = 20240229
    products = 200
    orders = 12000
    hot = 40
    shuffle_products()
    for (rank = 1; rank <= products; ++rank) weight[rank] = weight[rank - 1] + 1 / rank

    if (what == "orders") print "order,customer,product,quantity"
    for (order = 1; order <= orders; ++order) {
        rank = draw_rank()
        quantity = 1 + (random(3) == 0) * random(5)
        customer = 1 + random(3000)
        demand[rank] += quantity
        if (what == "orders")
            printf "%d,c%04d,p%03d,%d\n", 100000 + order, customer, product[rank], quantity
    }

    if (what != "stock") exit
    print "product,stock"
    for (rank = 1; rank <= products; ++rank) rank_of[product[rank]] = rank
    for (number = 1; number <= products; ++number) {
        rank = rank_of[number]
        share = rank <= hot && rank % 2 == 1 ? 0.6 : 1.3
        printf "p%03d,%d\n", number, int(demand[rank] * share) + 1
    }
}
