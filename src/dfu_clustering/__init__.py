"""Groups demand forecast units (DFUs) by how their demand behaves and gives every group a business label."""
