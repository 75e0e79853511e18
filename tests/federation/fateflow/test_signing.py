from federation.fateflow.stamp import Stamp, signature_of

# As fate-client 1.11.3 signs: base64(HMAC-SHA1(secret, six parts joined by line ends)).
STAMP = Stamp("1700000000000", "00000000-0000-1000-8000-000000000000", "app", "")


def test_the_signature_is_that_of_fates_client() -> None:
    body = b'{"job_id": "J"}'
    # printf '%s' "$message" | openssl dgst -sha1 -hmac secret -binary | base64
    assert signature_of("secret", STAMP, "/v1/job/query", body) == "GDLutBtYWO1DO47srcLkXDIVn5k="


def test_fields_of_a_form_are_signed_in_order_and_encoded() -> None:
    form = {"b": "x y", "a": "~-._/"}
    assert (
        signature_of("secret", STAMP, "/v1/model/import", b"", form)
        == "ea2ei0XUA4VDvSJQRyF7f/T6LmQ="
    )
