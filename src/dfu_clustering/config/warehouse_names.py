"""What the warehouse's tables and columns are called: the rest of the project knows the names on the left only.

Read from the configuration file alone: no parameter of a run can name other tables.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from dfu_clustering.config.data_quality import Section

_LONGEST_NAME = 63  # bytes: PostgreSQL cuts longer ones off, and two may become one


def _as_identifier(name: str) -> str:
    if not name or "\0" in name or len(name.encode()) > _LONGEST_NAME:
        raise ValueError(f"a name in PostgreSQL has 1 to {_LONGEST_NAME} bytes of UTF-8, this one {len(name.encode())}")
    return name


def _without_nulls(conditions: Any) -> Any:  # noqa: ANN401  (whatever the file holds)
    if not isinstance(conditions, dict):
        return conditions
    return {column: value for column, value in conditions.items() if value is not None}


Identifier = Annotated[str, AfterValidator(_as_identifier)]
FilterValue = StrictBool | StrictInt | Annotated[StrictStr, Field(pattern=r"^[^\x00]*$")]
Role = Literal["sales", "dfu", "item"]
ROLES: tuple[Role, ...] = ("sales", "dfu", "item")
# of the gates and of a publish; the tests know whether these are all
TEMPORARY_TABLES: Final = frozenset(
    [
        *("new_labels", "label_changes", "judged_sales", "judged_dfus", "judged_items"),
        *("sales_months", "dfu_facts"),
    ]
)
REGION: Final = "region"  # of DFUs, where it is an attribute: a load may lack a region
OwnName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=_LONGEST_NAME)]


class TableNames(Section):
    """The three tables; sales and item may be views."""

    sales: Annotated[Identifier, Field(description="One row a DFU, month and type.")]
    dfu: Annotated[Identifier, Field(description="One row a DFU; has the label.")]
    item: Annotated[Identifier, Field(description="One row an item.")]


class SalesColumns(Section):
    """Columns of the sales table."""

    dmdunit: Annotated[Identifier, Field(description="Item of the DFU.")]
    dmdgroup: Annotated[Identifier, Field(description="Customer group of the DFU.")]
    loc: Annotated[Identifier, Field(description="Location of the DFU.")]
    startdate: Annotated[Identifier, Field(description="First day of the month.")]
    qty: Annotated[Identifier, Field(description="Demand that is clustered.")]
    load_ts: Annotated[Identifier, Field(description="When the row was loaded.")]
    modified_ts: Annotated[Identifier, Field(description="When the row was last changed.")]


class DfuColumns(Section):
    """Columns of the DFU table besides the attributes; the project writes the last two of the six and no other."""

    dfu_sk: Annotated[Identifier, Field(description="Number by which the API orders rows.")]
    dfu_ck: Annotated[Identifier, Field(description="Key of the DFU.")]
    dmdunit: Annotated[Identifier, Field(description="Item.")]
    dmdgroup: Annotated[Identifier, Field(description="Customer group.")]
    loc: Annotated[Identifier, Field(description="Location.")]
    load_ts: Annotated[Identifier, Field(description="When the row was loaded.")]
    cluster_assignment: Annotated[Identifier, Field(description="The label; a publish writes it.")]
    modified_ts: Annotated[Identifier, Field(description="When the row was last changed; a publish writes it.")]

    @model_validator(mode="after")
    def _writes_nothing_else(self) -> Self:
        names = list(self.model_dump().values())
        for written in (self.cluster_assignment, self.modified_ts):
            if names.count(written) > 1:
                raise ValueError(f"{written!r} is written by a publish and must be a column of its own")
        return self


class ItemColumns(Section):
    """Columns of the item table besides the attributes."""

    item_ck: Annotated[Identifier, Field(description="Key of the row.")]
    item_no: Annotated[Identifier, Field(description="Number of the item, the dmdunit of a DFU.")]


class ColumnNames(Section):
    """Columns by table."""

    sales: Annotated[SalesColumns, Field(description="Columns of the sales table.")]
    dfu: Annotated[DfuColumns, Field(description="Columns of the DFU table besides the attributes.")]
    item: Annotated[ItemColumns, Field(description="Columns of the item table besides the attributes.")]


class KnownAttribute(Section):
    """What the project knows of an item or a DFU, whatever its column is called.

    Attributes:
        name: In the feature matrix, the gates and the API.
        table: Where it is.
        kind: What its values are.
    """

    name: OwnName
    table: Literal["dfu", "item"]
    kind: Literal["numeric", "categorical"]


class Attribute(KnownAttribute):
    """What a dimension table says of an item or a DFU.

    Attributes:
        column: Its column; None: called like the attribute.
        feature: Whether it is a column of the feature matrix; else it is only judged.
    """

    column: Identifier | None = None
    feature: bool = True

    @property
    def source(self) -> str:
        """Return the name of its column."""
        return self.column or self.name


class ShownColumn(Section):
    """A column of the DFU table that the API shows.

    Attributes:
        name: In the API.
        type: What its values are.
        column: Its column; None: the attribute's of that name, else called like it.
    """

    name: OwnName
    type: Literal["text", "integer", "number", "time"] = "text"
    column: Identifier | None = None


class WarehouseNames(Section):
    """Names of the warehouse: schema, tables, columns, attributes, and which sales rows count."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    schema_name: Annotated[
        Identifier | None,
        Field(alias="schema", description="Schema of the three tables; null: found by the role's search path."),
    ]
    tables: Annotated[TableNames, Field(description="Names of the three tables.")]
    columns: Annotated[ColumnNames, Field(description="Names of their columns.")]
    sales_filter: Annotated[
        dict[Identifier, FilterValue],
        BeforeValidator(_without_nulls),
        Field(description="Column to value: the sales rows that count; a column whose value is null is no condition."),
    ]
    other_sales: Annotated[
        Literal["refuse", "ignore"],
        Field(description="Rows outside sales_filter: refuse, the gate stops the run; ignore, they are left out."),
    ]
    attributes: Annotated[
        tuple[Attribute, ...], Field(description="Attributes of items and DFUs, in the order of the feature matrix.")
    ]
    shown: Annotated[
        tuple[ShownColumn, ...] | None,
        Field(description="Columns of a DFU in the API, in this order; null: the attributes of the DFU table."),
    ]

    @model_validator(mode="after")
    def _names_are_used_once(self) -> Self:
        keys = [*SalesColumns.model_fields, *DfuColumns.model_fields, *ItemColumns.model_fields]
        for names in ([one.name for one in self.attributes], [one.name for one in self.shown or ()]):
            twice = sorted({name for name in names if names.count(name) > 1 or name in keys})
            if twice:
                raise ValueError(
                    f"names of attributes are used once and differ from {', '.join(dict.fromkeys(keys))};"
                    f" found again: {', '.join(twice)}"
                )
        return self

    @model_validator(mode="after")
    def _tables_are_not_hidden(self) -> Self:
        hidden = sorted(TEMPORARY_TABLES & set(self.tables.model_dump().values()))
        if hidden and self.schema_name is None:
            raise ValueError(
                "without a schema, a temporary table of the gates or of a publish hides a table of the same name;"
                f" give warehouse.schema, or rename {', '.join(hidden)}"
            )
        return self

    @model_validator(mode="after")
    def _attributes_are_not_written(self) -> Self:
        written = {self.columns.dfu.cluster_assignment, self.columns.dfu.modified_ts}
        for one in self.attributes_of("dfu"):
            if one.source in written:
                raise ValueError(f"{one.source!r} is written by a publish and cannot be the attribute {one.name}")
        return self

    def attributes_of(self, table: Role) -> tuple[Attribute, ...]:
        """Return the attributes of one table, in the order of the list."""
        return tuple(one for one in self.attributes if one.table == table)

    def features_of(self, table: Role) -> tuple[Attribute, ...]:
        """Return those of one table that are columns of the feature matrix."""
        return tuple(one for one in self.attributes_of(table) if one.feature)

    def read_of(self, table: Role, *, features: bool = True) -> tuple[Attribute, ...]:
        """Return those that are read: the features, where wanted, and the region, by which a load is judged."""
        return tuple(one for one in self.attributes_of(table) if (features and one.feature) or one.name == REGION)

    def in_the_matrix(self) -> tuple[KnownAttribute, ...]:
        """Return those of all tables that are columns of the feature matrix, without what the warehouse calls them."""
        known = set(KnownAttribute.model_fields)
        return tuple(KnownAttribute(**one.model_dump(include=known)) for one in self.attributes if one.feature)

    def columns_of(self, table: Role) -> dict[str, str]:
        """Return the columns of a table besides its attributes, by the name that the project knows them by."""
        return dict(getattr(self.columns, table).model_dump())

    def shown_columns(self) -> tuple[ShownColumn, ...]:
        """Return what the API shows of a DFU besides keys, label and times, each with its column."""
        attributes = self.attributes_of("dfu")
        listed = self.shown
        if listed is None:
            listed = tuple(
                ShownColumn(name=one.name, type="number" if one.kind == "numeric" else "text") for one in attributes
            )
        sources = {one.name: one.source for one in attributes}
        return tuple(one.model_copy(update={"column": one.column or sources.get(one.name, one.name)}) for one in listed)
