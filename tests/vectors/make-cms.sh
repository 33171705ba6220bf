#!/bin/sh
# Makes the signed objects in cms/ with plain openssl and lists them in cms/index.txt as
#   FILE TYPE RESULT     TYPE: system, image, timestamp; RESULT: value of enum verify_result
# Keys are new each time, so the files change; run it only to add a vector. Needs openssl >= 3.0.
set -eu
cd "$(dirname "$0")/cms"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
system=2.25.227721284026299374982227856948092535230
image=2.25.37081677888920538387708366831134028020
timestamp=2.25.107110910132257841678995741780181712202
ok=23235
rm -f -- *.cms root.crt index.txt
printf '{ "any": "content" }\n' >"$work/content"

key() { openssl ecparam -name "${2:-prime256v1}" -genkey -noout -out "$work/$1.key"; }
# cert NAME ISSUER EXTENSIONS: issue NAME.pem for NAME.key
cert() {
    openssl req -new -key "$work/$1.key" -subj "/O=vectors/CN=$1" -out "$work/$1.csr"
    printf '%b' "$3" >"$work/$1.ext"
    if [ "$2" = self ]; then
        openssl x509 -req -in "$work/$1.csr" -signkey "$work/$1.key" -sha256 -days 18250 \
            -extfile "$work/$1.ext" -out "$work/$1.pem"
    else
        openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -sha256 \
            -days 9000 -CAcreateserial -extfile "$work/$1.ext" -out "$work/$1.pem"
    fi
} 2>/dev/null
ca='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'
leaf='keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'

# sign FILE TYPE RESULT SIGNER [openssl options]
sign() {
    file=$1 type=$2 result=$3 signer=$4
    shift 4
    eval "oid=\$$type"
    openssl cms -sign -binary -nodetach -nosmimecap -outform DER -econtent_type "$oid" \
        -in "$work/content" -signer "$work/$signer.pem" -inkey "$work/$signer.key" "$@" -out "$file"
    echo "$file $type $result" >>index.txt
}
# Is the s of the last signature above (high) or below (low) half the group's order? It is the end
# of the file: an INTEGER of 33 bytes, or one of 32 that does not begin with 7f.
s_is() {
    case $(tail -c 34 "$1" | od -An -v -tx1 | tr -d ' \n') in
    ??00*) [ "$2" = high ] ;;
    02207f*) false ;;
    0220*) [ "$2" = low ] ;;
    *) false ;;
    esac
}

for name in root other middle low leaf plain server nokey; do key "$name"; done
key p384 secp384r1
openssl genrsa -out "$work/rsa.key" 2048 2>/dev/null
cert root self "$ca"
cert other self "$ca"
cert middle root "$ca"
cert low middle "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid,issuer:always\n"
cert leaf root "$leaf"
cert plain low "$leaf"
cert server root "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n"
cert nokey root "extendedKeyUsage=codeSigning\nsubjectKeyIdentifier=hash\n"
cert rsa root "$leaf"
cert p384 root "$leaf"
openssl x509 -in "$work/root.pem" -outform DER -out root.crt
cat "$work/middle.pem" "$work/low.pem" >"$work/path.pem"
cat "$work/path.pem" "$work/root.pem" >"$work/whole.pem"

sign plain.cms image $ok leaf -md sha256
sign system.cms system $ok leaf -md sha256
sign timestamp.cms timestamp $ok leaf -md sha256
sign keyid.cms image $ok leaf -md sha256 -keyid
sign path.cms image $ok plain -md sha256 -certfile "$work/path.pem"
sign path-root.cms image $ok plain -md sha256 -certfile "$work/whole.pem"
sign two-signers.cms image $ok leaf -md sha256 -certfile "$work/path.pem" \
    -signer "$work/plain.pem" -inkey "$work/plain.key"
for s in high low; do
    until s_is "$s-s.cms" $s 2>/dev/null; do
        sed -i "/^$s-s.cms/d" index.txt
        sign "$s-s.cms" image $ok leaf -md sha256
    done
done
sign gap.cms image 27 plain -md sha256 -certfile "$work/middle.pem"
openssl cms -sign -binary -nodetach -outform DER -econtent_type "$image" -in "$work/content" \
    -signer "$work/leaf.pem" -inkey "$work/leaf.key" -md sha256 -out smimecap.cms
echo "smimecap.cms image $ok" >>index.txt
sign noattr.cms image 18 leaf -md sha256 -noattr
sign nocerts.cms image 17 leaf -md sha256 -nocerts
sign sha1.cms image 12 leaf -md sha1
sign sha512.cms image 12 leaf -md sha512
sign wrong-type.cms system 13 leaf -md sha256
sed -i 's/^wrong-type.cms system/wrong-type.cms image/' index.txt
sign server.cms image 59 server -md sha256
sign no-key-usage.cms image 58 nokey -md sha256
sign rsa.cms image 53 rsa -md sha256
sign p384.cms image 53 p384 -md sha256
sign ber.cms image 1 leaf -md sha256 -stream
openssl cms -sign -binary -nosmimecap -outform DER -econtent_type "$image" -in "$work/content" \
    -signer "$work/leaf.pem" -inkey "$work/leaf.key" -md sha256 -out detached.cms
echo "detached.cms image 14" >>index.txt
cert leaf other "$leaf"
sign stranger.cms image 27 leaf -md sha256 -certfile "$work/other.pem"
ls -l
