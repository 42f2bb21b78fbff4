SELECT {columns}
FROM {dfus} AS d
WHERE {condition}
