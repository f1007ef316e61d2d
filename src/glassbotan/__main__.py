from glassbotan.cli import main

main()
