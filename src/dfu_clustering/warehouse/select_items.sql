SELECT
    item_ck, item_no, category, class, sub_class, brand_name, country, national_service_model,
    case_weight, item_proof, bpc, bottle_pack, pack_case
FROM dim_item
