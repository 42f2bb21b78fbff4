SELECT {columns}
FROM {items} AS i
